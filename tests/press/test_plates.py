"""What the opening says of a run, in the report's own words."""

from pathlib import Path

from hornbook.base.record import StageRecord, new_record
from hornbook.press.plates import (
    heldout_row,
    run_facts,
    score_rows,
    training_rows,
)
from hornbook.press.run_folder import Run

SHARE = {
    "title": "Topic named rightly",
    "unit": "share",
    "value": 0.895,
    "low": 0.86,
    "high": 0.923,
    "baseline": 0.876,
    "baseline_is": "a bag of words",
}


def test_scores_are_called_as_in_the_report() -> None:
    length = {**SHARE, "title": "Longest overlap", "baseline": 17.0}
    length |= {"unit": "characters", "value": 19.5}
    told = {"topic_accuracy": SHARE, "answers_overlap": length}
    first, second = score_rows(told)
    assert first == [
        "Topic named rightly", "89.5%", "86.0% to 92.3%",
        "87.6%, a bag of words",
    ]
    assert second[:2] == ["Longest overlap", "19.5 characters"]


def test_a_score_without_a_title_has_its_name() -> None:
    plain = {**SHARE, "title": ""}
    assert score_rows({"my_task": plain})[0][0] == "My task"


def test_each_loss_says_which_it_is(run_folder: Path) -> None:
    lines = [
        {"step": s, "loss": 8.0 - s, "tokens": 10 * s} for s in (1, 4)
    ]
    assert training_rows(lines)[1] == [
        "Training loss",
        "from 7.00 at the first step to 4.00 at the last, in nats per "
        "token",
    ]
    record = new_record("tiny", run_folder, 1, {})
    record.save()
    assert heldout_row(Run(run_folder)) == []
    made = StageRecord(
        digest="", parts={}, seconds=1.0, peak_memory_bytes=1,
        finished="2026-11-22T10:00:00+00:00",
        result={"heldout_loss": 3.7506},
    )
    record.with_stage("pretrain", made).save()
    (row,) = heldout_row(Run(run_folder))
    assert row[0] == "Held-out loss"
    assert row[1].startswith("3.75 nats per token of all")


def test_the_packer_needs_what_the_report_says(run_copy: Path) -> None:
    run = Run(run_copy)
    tasks = run.json("evaluation/report.json")["tasks"]
    told = tasks["bits_per_byte"]["also"]
    xz = told["the held-out text packed by xz"]
    assert run_facts(run)["lzma_bpb"] == xz
