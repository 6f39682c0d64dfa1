import json
from pathlib import Path
from typing import Any

import pytest
import torch

from hornbook.base.dialogue import ask
from hornbook.base.document import Document
from hornbook.base.errors import DataError
from hornbook.inference.generate import chat
from hornbook.model.config import make_config
from hornbook.model.transformer import Transformer
from hornbook.tokenizer.tokenizer import SPECIALS, Tokenizer
from hornbook.tuning.classify import Classifier
from hornbook.tuning.config import TuningConfig
from hornbook.tuning.lesson import Lesson, find_steps
from hornbook.tuning.tune import tune_chat, tune_classes

TOK = Tokenizer.train(
    ["What is a hat? A cap. Where is rain? Sky."],
    290,
    "gpt2",
    SPECIALS,
)
TALKS = [ask("What is a hat?", "A cap."), ask("Where is rain?", "Sky.")]
DOCUMENTS = [
    Document("1", "a hat", topic="wear"),
    Document("2", "rain", topic="sky"),
    Document("3", "a coat", topic="wear"),
    Document("4", "sun", topic="sky"),
    Document("5", "nothing"),
]


def settings(**given: Any) -> TuningConfig:
    """A fine-tuning without anything that takes time."""
    plain = {
        "batch": 1,
        "lr": 0.01,
        "optimizer": "adamw",
        "precision": "fp32",
        "compile": "off",
        "evaluations": 0,
    }
    return TuningConfig(**{**plain, **given})


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run's folder with a base model that has learnt nothing."""
    shape = make_config(
        vocab_size=290, layers=1, width=32, heads=2, context=32
    )
    base = tmp_path / "checkpoints" / "base"
    Transformer(shape, seed=1).save(base, "native", TOK)
    return tmp_path


def losses(log: Path) -> list[float]:
    """Read the losses of a training."""
    lines = log.read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["loss"] for line in lines]


def test_a_chat_model_learns_its_answers(run: Path) -> None:
    done = tune_chat(Lesson(run, "chat", settings(), 60, 1), TALKS)
    assert (done["dialogues"], done["too_long"]) == (2, 0)
    assert done["steps"] == 60
    model = Transformer.load(run / "finetune" / "chat")
    for talk in TALKS:
        asked, answer = talk.messages
        assert chat(model, TOK, [asked]) == answer.content
    log = losses(run / "finetune" / "chat.jsonl")
    assert len(log) == 60 and log[-1] < log[0] / 4


def test_the_base_model_stays_as_it_was(run: Path) -> None:
    def base() -> torch.Tensor:
        folder = run / "checkpoints" / "base"
        return Transformer.load(folder).token_emb.weight

    before = base()
    tune_chat(Lesson(run, "chat", settings(), 2, 1), TALKS)
    assert torch.equal(base(), before)


def test_one_fine_tuning_can_begin_with_another(run: Path) -> None:
    tune_chat(Lesson(run, "one", settings(), 30, 1), TALKS)
    more = settings(base="one")
    tune_chat(Lesson(run, "two", more, 1, 1), TALKS)
    first = losses(run / "finetune" / "one.jsonl")
    assert losses(run / "finetune" / "two.jsonl")[0] < first[0] / 2


def test_equal_seeds_give_equal_losses(run: Path) -> None:
    talks = [*TALKS, ask("rain?", "x" * 20), ask("hat?", "y" * 20)]
    for name, seed in [("a", 1), ("b", 1), ("c", 2)]:
        tune_chat(Lesson(run, name, settings(), 6, seed), talks)
    a, b, c = (
        losses(run / "finetune" / f"{name}.jsonl") for name in "abc"
    )
    assert a == b != c


def test_dialogues_that_are_too_long_are_left_out_and_told(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    talks = [*TALKS, ask("hat?", "x" * 99)]
    done = tune_chat(Lesson(run, "chat", settings(), 1, 1), talks)
    assert (done["dialogues"], done["too_long"]) == (2, 1)
    assert "1 of 3 dialogues" in capsys.readouterr().err


@pytest.mark.parametrize("talks", [[], [ask("hat?", "x" * 99)]])
def test_without_a_fitting_dialogue_nothing_is_trained(
    run: Path, talks: list[Any]
) -> None:
    with pytest.raises(DataError, match="dialogues"):
        tune_chat(Lesson(run, "chat", settings(), 1, 1), talks)
    assert not (run / "finetune").exists()


def test_a_classifier_learns_the_topics(run: Path) -> None:
    config = settings(method="classify", batch=2)
    done = tune_classes(Lesson(run, "topic", config, 40, 1), DOCUMENTS)
    assert done["classes"] == ["sky", "wear"]
    assert done["documents"] == 4
    model = Classifier.load(run / "finetune" / "topic")
    texts = [document.text for document in DOCUMENTS[:4]]
    assert model.predict(texts) == ["wear", "sky", "wear", "sky"]


@pytest.mark.parametrize("keep", [DOCUMENTS[::2], DOCUMENTS[4:], []])
def test_one_topic_is_not_enough(
    run: Path, keep: list[Document]
) -> None:
    with pytest.raises(DataError, match="two or more"):
        tune_classes(Lesson(run, "topic", settings(), 1, 1), keep)


@pytest.mark.parametrize(
    ("config", "steps"),
    [
        (settings(epochs=2, batch=4), 5),
        (settings(epochs=0.01, batch=4), 1),
        (settings(epochs=2, steps=7), 7),
        (settings(steps=7), 7),
        (settings(minutes=1), 7),
    ],
)
def test_epochs_are_passes_over_the_rows(
    config: TuningConfig, steps: int
) -> None:
    assert find_steps(config, 7, 10) == steps
