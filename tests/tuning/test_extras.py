import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from hornbook.base.dialogue import ask
from hornbook.base.errors import DataError, ModelError, RecipeError
from hornbook.inference.generate import chat
from hornbook.model.config import make_config
from hornbook.model.transformer import Transformer
from hornbook.tokenizer.shards import write_shard
from hornbook.tokenizer.tokenizer import SPECIALS, Tokenizer
from hornbook.training.batches import Windows, pieces
from hornbook.training.loss import next_token_loss
from hornbook.tuning import distil
from hornbook.tuning.config import TuningConfig, check
from hornbook.tuning.data import read_dialogues
from hornbook.tuning.distil import distilled, teach_words
from hornbook.tuning.extras import Mixed, Noised, noisy, text_rows
from hornbook.tuning.lesson import Lesson
from hornbook.tuning.sft import Dialogues, encode, pack
from hornbook.tuning.teacher import TeacherConfig
from hornbook.tuning.tune import tune_chat

TOK = Tokenizer.train(
    ["What is a hat? A cap. Where is rain? Sky."],
    290,
    "gpt2",
    SPECIALS,
)
TALKS = [
    ask("What is a hat?", "A cap."),
    ask("Where is rain?", "Sky."),
    ask("hat?", "No."),
    ask("rain?", "Yes, rain."),
]


def settings(**given: Any) -> TuningConfig:
    """A fine-tuning without anything that takes time."""
    plain = {
        "batch": 2, "lr": 0.01, "optimizer": "adamw",
        "precision": "fp32", "compile": "off", "evaluations": 0,
    }
    return TuningConfig(**{**plain, **given})


def small(seed: int, context: int = 32) -> Transformer:
    """A model that has learnt nothing."""
    shape = make_config(
        vocab_size=290, layers=1, width=32, heads=2, context=context
    )
    return Transformer(shape, seed)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with a base model, and tokens to read."""
    small(1).save(tmp_path / "checkpoints" / "base", "native", TOK)
    (tmp_path / "run.json").write_text("{}", "utf-8")
    write_shard(
        tmp_path / "tokens" / "train.bin", ["a hat. rain. " * 99], TOK
    )
    return tmp_path


def batches() -> Dialogues:
    """Rows of packed dialogues."""
    return Dialogues(pack(encode(TOK, TALKS), 32, 0), 2, 1)


def losses(run: Path, name: str) -> list[float]:
    """Read the losses of a training."""
    text = (run / "finetune" / f"{name}.jsonl").read_text("utf-8")
    return [json.loads(line)["loss"] for line in text.splitlines()]


def test_text_stands_beside_dialogues(run: Path) -> None:
    from hornbook.tokenizer.shards import TokenShard

    shard = TokenShard.open(run / "tokens" / "train.bin", TOK)
    mixed = Mixed(batches(), Windows(shard, 32, 1, 1))
    batch, plain = mixed(3), batches()(3)
    assert torch.equal(batch["ids"][0], plain["ids"][0])
    assert "hat. rain" in TOK.decode(batch["ids"][1].tolist())
    assert (batch["targets"][1, :-1] == batch["ids"][1, 1:]).all()
    assert batch["visible"].shape == plain["visible"].shape
    seen = torch.ones(32, 32, dtype=torch.bool).tril()
    assert torch.equal(batch["visible"][1, 0], seen)
    done = tune_chat(
        Lesson(run, "chat", settings(text_share=0.5), 3, 1), TALKS
    )
    assert done["steps"] == 3


@pytest.mark.parametrize("share", [0.01, 0.99])
def test_both_need_a_row(share: float) -> None:
    assert text_rows(8, 0.25, "x") == 2
    with pytest.raises(RecipeError, match="at least one row"):
        text_rows(8, share, "x")


def test_noise_is_even_and_of_its_size() -> None:
    model = small(1)
    seen: list[Tensor] = []

    def look(model: Any, ids: Tensor, **_: Any) -> Tensor:
        added = model.embedding(ids) - model.token_emb(ids)
        seen.append(added.detach())
        return torch.zeros(())

    batch = Noised(batches(), 1)(0)
    noisy(look, alpha=5.0)(model, **batch)
    bound = 5 / (32 * 32) ** 0.5
    assert bound * 0.98 < float(seen[0].abs().max()) <= bound
    assert abs(float(seen[0].mean())) < bound / 20
    ids = batch["ids"]
    assert torch.equal(model.embedding(ids), model.token_emb(ids))


def test_noise_is_the_row_s_own_however_it_is_cut() -> None:
    model, batch = small(1), Noised(batches(), 1)(0)
    loss = noisy(next_token_loss, 5.0)
    whole = loss(model, **batch)
    parts = sum(
        share * loss(model, **part) for part, share in pieces(batch, 1)
    )
    torch.testing.assert_close(whole, parts)
    later = Noised(batches(), 1)(1)
    assert not torch.equal(batch["noise"], later["noise"])


@pytest.mark.parametrize(
    "extra",
    [
        {"neftune": 5.0},
        {"text_share": 0.5},
        {"teacher": TeacherConfig(model="teacher", by="logits")},
        {"teacher": TeacherConfig(
            model="teacher", by="text", tokens=8,
        )},
    ],
)
def test_a_stopped_lesson_goes_on_as_if_it_had_not_been(
    run: Path, monkeypatch: pytest.MonkeyPatch, extra: dict[str, Any]
) -> None:
    monkeypatch.chdir(run)
    teach(small(2), TALKS).save(run / "teacher", "native", TOK)
    config = settings(save_seconds=0.001, **extra)
    tune_chat(Lesson(run, "whole", config, 5, 1), TALKS)
    give: Callable[..., Any] = Dialogues.__call__

    def fail(rows: Dialogues, step: int) -> Any:
        if step == 3:
            raise KeyboardInterrupt
        return give(rows, step)

    with monkeypatch.context() as patch:
        patch.setattr(Dialogues, "__call__", fail)
        with pytest.raises(KeyboardInterrupt):
            tune_chat(Lesson(run, "cut", config, 5, 1), TALKS)
    tune_chat(Lesson(run, "cut", config, 5, 1), TALKS)
    assert losses(run, "cut") == losses(run, "whole")


def teach(
    model: Transformer, talks: Any, steps: int = 60
) -> Transformer:
    """Teach a model some dialogues by heart."""
    rows = Dialogues(pack(encode(TOK, talks), 32, 0), 2, 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for step in range(steps):
        optimizer.zero_grad()
        next_token_loss(model, **rows(step)).backward()
        optimizer.step()
    return model.eval()


def test_a_student_learns_what_its_teacher_thinks() -> None:
    teacher = teach(small(2), TALKS)
    config = TeacherConfig(model="x", share=1.0, temperature=2.0)
    loss = distilled(teacher, config)
    batch = batches()(0)
    assert float(loss(teacher, **batch).detach()) < 1e-5
    student = small(3)
    first = loss(student, **batch)
    optimizer = torch.optim.Adam(student.parameters(), lr=0.01)
    for _ in range(60):
        optimizer.zero_grad()
        loss(student, **batch).backward()
        optimizer.step()
    last = loss(student, **batch)
    assert last.item() < first.item() / 10


def test_without_a_teacher_s_share_it_is_the_plain_loss() -> None:
    config = TeacherConfig(model="x", share=1e-9)
    student, batch = small(3), batches()(0)
    found = distilled(small(2), config)(student, **batch)
    torch.testing.assert_close(
        found, next_token_loss(student, **batch)
    )


def test_the_teacher_s_words_are_learnt(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(run)
    other = [ask(t.messages[0].content, "Sky, no hat.") for t in TALKS]
    teach(small(2), other).save(run / "teacher", "native", TOK)
    words = TeacherConfig(
        model="teacher", by="text", temperature=0, tokens=16
    )
    lesson = Lesson(run, "chat", settings(teacher=words), 60, 1)
    taught = teach_words(lesson, TALKS)
    assert {t.messages[-1].content for t in taught} == {"Sky, no hat."}
    with monkeypatch.context() as patch:
        patch.setattr(distil, "answer_all", None)
        assert teach_words(lesson, TALKS) == taught
    tune_chat(lesson, TALKS)
    model = Transformer.load(run / "finetune" / "chat")
    said = [{"role": "user", "content": "What is a hat?"}]
    assert chat(model, TOK, said) == "Sky, no hat."


def test_what_a_teacher_does_not_end_is_counted(
    run: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(run)
    teach(small(2), TALKS).save(run / "teacher", "native", TOK)
    lesson = Lesson(run, "chat", settings(teacher=TeacherConfig(
        model="teacher", by="text", temperature=0, tokens=5,
    )), 1, 1)
    taught = teach_words(lesson, TALKS)
    assert 0 < len(taught) < len(TALKS)
    said = capsys.readouterr().err
    assert f"{4 - len(taught)} of 4 questions" in said
    few = TeacherConfig(model="teacher", by="text", tokens=1)
    lesson = Lesson(run, "two", settings(teacher=few), 1, 1)
    with pytest.raises(DataError, match="ended none of its 4 answers"):
        teach_words(lesson, TALKS)


def test_a_teacher_of_another_tongue_is_refused(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(run)
    other = Tokenizer.train(["sun and sea"], 290, "gpt2", SPECIALS)
    small(2).save(run / "teacher", "native", other)
    asked = settings(teacher=TeacherConfig(model="teacher"))
    with pytest.raises(ModelError, match="another vocabulary"):
        tune_chat(Lesson(run, "chat", asked, 1, 1), TALKS)
    small(2, context=16).save(run / "teacher", "native", TOK)
    with pytest.raises(ModelError, match="reads 16 tokens"):
        tune_chat(Lesson(run, "chat", asked, 1, 1), TALKS)


@pytest.mark.parametrize(
    "given",
    [
        {"text_share": 1.0},
        {"neftune": -1.0},
        {"method": "classify", "neftune": 5.0},
        {"teacher": TeacherConfig(model="")},
        {"teacher": TeacherConfig(model="x", temperature=0)},
        {"teacher": TeacherConfig(model="x", share=0)},
        {"teacher": TeacherConfig(model="x"), "z_loss": 1e-4},
        {"neftune": 5.0, "compile": "on"},
    ],
)
def test_impossible_settings_are_refused(given: Any) -> None:
    with pytest.raises(RecipeError, match="finetune.chat"):
        check(settings(**given), "finetune.chat")


def test_conversations_are_read(tmp_path: Path) -> None:
    file = tmp_path / "talks.json"
    talk = [
        {"from": "human", "value": "hat?"},
        {"from": "gpt", "value": "A cap."},
    ]
    file.write_text(json.dumps([{"conversations": talk}]), "utf-8")
    (read,) = read_dialogues(file)
    assert read.messages == ask("hat?", "A cap.").messages
    bad = [{"conversations": talk[::-1]}, {"conversations": [{}]}]
    mixed = [{"conversations": talk}, *bad]
    file.write_text(json.dumps(mixed), "utf-8")
    with pytest.raises(DataError, match="2 of 3 records") as told:
        read_dialogues(file)
    assert "talks.json:2" in str(told.value)
