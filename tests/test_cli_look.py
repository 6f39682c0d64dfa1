"""The commands that look; ``test_cli.py`` has the others."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hornbook.cli import main
from tuning.fake_writer import Said, fake, pairs

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def hornbook(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command; give its status and what it printed."""

    def run(*arguments: Any) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main([str(each) for each in arguments])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


def test_a_recipe_s_model_is_shown(hornbook: Run) -> None:
    status, out, err = hornbook("show", "model", "smoke")
    assert (status, err) == (0, "")
    assert "embedding.token_emb.weight" in out and "logits" in out
    assert "FLOPs" in out and "bytes of cache per token" in out


def test_a_run_s_model_is_told_to_programs(
    run_copy: Path, hornbook: Run
) -> None:
    status, out, _ = hornbook("show", "model", "smoke", "--json")
    told = json.loads(out)
    kept = json.loads((run_copy / "model.json").read_text("utf-8"))
    assert status == 0 and told == kept
    assert len(told["tensors"]) == 8
    export = hornbook("show", "model", run_copy / "export", "--json")
    assert json.loads(export[1])["tensors"] == told["tensors"]


def test_the_neighbours_of_a_word_are_listed(
    run_copy: Path, hornbook: Run
) -> None:
    status, out, _ = hornbook("show", "neighbours", "smoke", "zebra")
    assert status == 0 and "the mean of" in out and "cosine" in out
    line = ["show", "neighbours", run_copy, "a", "--count", 3, "--json"]
    assert len(json.loads(hornbook(*line)[1])["near"]) == 3


def test_what_is_taken_for_what_is_shown_and_drawn(
    run_copy: Path, hornbook: Run
) -> None:
    file = run_copy / "run.json"
    record = json.loads(file.read_text("utf-8"))
    told = {
        "classes": ["sky", "wear"],
        "heldout": {"confusion": [[3, 1], [0, 5]]},
    }
    record["stages"]["finetune.topic"]["result"] = told
    file.write_text(json.dumps(record), "utf-8")
    status, out, _ = hornbook("show", "confusion", run_copy)
    assert status == 0 and "wear" in out and "5" in out
    line = ["show", "confusion", f"{run_copy}:topic"]
    kept = json.loads(hornbook(*line, "--json")[1])
    assert kept["confusion"] == [[3, 1], [0, 5]]
    picture = run_copy / "who.png"
    assert hornbook(*line, "--to", picture)[0] == 0
    assert picture.read_bytes()[:4] == b"\x89PNG"
    status, _, err = hornbook("show", "confusion", f"{run_copy}:chat")
    assert status and "it has: topic" in err


def test_attention_is_shown_and_drawn(
    run_copy: Path, hornbook: Run
) -> None:
    line = ["show", "attention", f"{run_copy}:base", "a hat is"]
    status, out, _ = hornbook(*line)
    assert status == 0 and "previous  on the token before" in out
    assert "--layer 1 --head 1" in out
    status, out, _ = hornbook(*line, "--layer", 1, "--head", 2)
    assert status == 0 and "#" in out
    one = ["--layer", 1, "--head", 2, "--json"]
    told = json.loads(hornbook(*line, *one)[1])
    assert len(told["weights"]) == len(told["tokens"]) > 2
    for kind in ("svg", "png", "pdf"):
        status, _, err = hornbook(*line, "--to", f"maps.{kind}")
        assert status == 0 and "drawn" in err
        assert Path(f"maps.{kind}").stat().st_size > 1000


def test_a_mask_is_shown(
    run_copy: Path, hornbook: Run, tmp_path: Path
) -> None:
    path = tmp_path / "talk.jsonl"
    records = [
        {"instruction": f"Say {n}.", "output": f"It is {n}."}
        for n in range(7)
    ]
    text = "".join(json.dumps(each) + "\n" for each in records)
    path.write_text(text, encoding="utf-8")
    status, out, _ = hornbook("show", "mask", path)
    assert status == 0 and "[ It is 0.<|end|>]" in out
    assert "and 2 more" in out
    line = ["show", "mask", path, "--tokenizer", run_copy, "--json"]
    told = json.loads(hornbook(*line, "--count", 0)[1])
    assert len(told) == 7
    learned = [p["text"] for p in told[6]["pieces"] if p["learned"]]
    assert learned == [" It is 6.<|end|>"]


def test_a_run_s_own_dialogues_are_shown(
    run_copy: Path, hornbook: Run
) -> None:
    line = ["show", "mask", "smoke", "--count", 2]
    status, out, _ = hornbook(*line)
    assert status == 0 and "tokens are learned" in out
    assert "<|user|>" in out and "more" in out
    line[2] = f"{run_copy}:chat"
    assert hornbook(*line)[1] == out
    told = json.loads(hornbook(*line, "--json")[1])
    assert len(told) == 2


def test_a_writer_is_asked_by_finetune_and_by_nothing_else(
    run_copy: Path, hornbook: Run
) -> None:
    def reply(count: int, _: Any) -> Said:
        return pairs((f"Who is number {count}?", "Somebody new."))

    table = "finetune.chat.writer"
    with fake(reply) as server:
        settings = {
            "address": server.address, "model": "m", "documents": 3
        }
        line = ["finetune", run_copy]
        for name, value in settings.items():
            line += ["--set", f"{table}.{name}={value}"]

        # A look at dialogues that are not made asks nobody
        path = run_copy / "recipe.toml"
        plain = path.read_text(encoding="utf-8")
        head = f"[{table}]\nmodel = 'm'\ndocuments = 3\n"
        head += f"address = '{server.address}'\n"
        path.write_text(f"{plain}\n{head}", encoding="utf-8")
        status, out, err = hornbook("show", "mask", run_copy)
        assert (status, out) == (1, "") and "asked about 3 of 3" in err
        assert err.count("\n") == 1 and server.asked == []
        path.write_text(plain, encoding="utf-8")

        # Told by --set, the stage asks once
        status, _, err = hornbook(*line)
        assert status == 0 and "asking 127.0.0.1" in err
        assert len(server.asked) == 3
        assert "asking" not in hornbook(*line, "--force")[2]
    out = hornbook("show", "mask", run_copy, "--count", 0)[1]
    assert out.count("Somebody new.") == 3


def test_a_mask_is_green_where_there_is_colour(
    hornbook: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "talk.json"
    record = {"instruction": "Hat?", "output": "Yes."}
    path.write_text(json.dumps([record]), encoding="utf-8")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = hornbook("show", "mask", path)[1]
    assert "\x1b[" in out and "[Yes." not in out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "[ Yes.<|end|>]" in hornbook("show", "mask", path)[1]


def test_a_run_is_compared_diagnosed_and_cleaned(
    run_copy: Path, hornbook: Run
) -> None:
    status, out, _ = hornbook("compare", "smoke", run_copy)
    assert status == 0
    assert "no difference" in out and "not told apart" in out
    assert "Bits per byte, held-out text" in out
    line = ["compare", "smoke", "smoke", "--json"]
    told = json.loads(hornbook(*line)[1])
    assert told["same_heldout"] and told["settings"] == []

    # Four steps are too few for anything
    status, out, _ = hornbook("diagnose", "smoke")
    assert status == 0 and "yes under-trained: 4 steps of 4" in out
    assert "--set pretrain.steps=8" in out
    told = json.loads(hornbook("diagnose", "smoke", "--json")[1])
    trainings = {each["training"] for each in told["findings"]}
    assert trainings == {"pretrain", "finetune.topic", "finetune.chat"}
    assert told["expected"] == [] and "by a blind guess" in out
    assert told["yardstick"]["bigram"] < told["yardstick"]["uniform"]

    # Nothing is deleted without a yes
    (run_copy / "book" / "tex").mkdir(parents=True)
    status, out, _ = hornbook("clean", "smoke")
    assert status == 0 and "nothing was deleted" in out
    told = json.loads(hornbook("clean", "--json")[1])
    assert told["freed"] == 0 and (run_copy / "book" / "tex").exists()
    assert hornbook("clean", "--yes")[0] == 0
    assert not (run_copy / "book" / "tex").exists()
    assert "nothing to delete" in hornbook("clean", "smoke")[1]


def test_the_doctor_always_leaves_in_peace(
    hornbook: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, err = hornbook("doctor")
    assert (status, err) == (0, "") and "compiler" in out
    told = json.loads(hornbook("doctor", "--json")[1])
    assert {"name", "found", "healthy", "advice"} == set(told[0])


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("show model nothing", "no run, model or recipe 'nothing'"),
        ("show neighbours nothing hat", "there is no run or model"),
        ("show attention nothing hat", "there is no run or model"),
        ("show attention smoke:base hat --layer 9", "no layer 9"),
        ("show attention smoke:base hat --to x.gif", "kind of picture"),
        ("show attention smoke:topic hat", "is a classifier"),
        ("show mask nothing.jsonl", "there is no file or run"),
        ("show mask smoke:topic", "learns from no dialogues"),
        ("show mask smoke:x", "its fine-tunings are"),
        ("show mask bad.jsonl", "is no dialogue"),
        ("show mask good.jsonl --tokenizer no", "no"),
        ("compare smoke nothing", "the runs are smoke"),
        ("diagnose nothing", "there is no run or model"),
        ("clean nothing", "there is no run or model"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(
    run_copy: Path, hornbook: Run, line: str, says: str
) -> None:
    Path("bad.jsonl").write_text('{"a": 1}', encoding="utf-8")
    good = '{"instruction": "Hat?", "output": "Yes."}'
    Path("good.jsonl").write_text(good, encoding="utf-8")
    status, out, err = hornbook(*line.split())
    assert status == 1 and out == ""
    assert err.startswith("hornbook: ") and says in err
    assert err.count("\n") == 1
