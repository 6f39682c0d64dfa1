"""The road of a recipe that tunes models of others."""

import json
from pathlib import Path

import pytest

from hornbook.base.errors import ModelError, RecipeError
from hornbook.base.record import load_record
from hornbook.inference.generate import chat
from hornbook.model.config import make_config
from hornbook.model.transformer import Transformer
from hornbook.recipe import load_recipe
from hornbook.road import run
from hornbook.route import needed, road
from hornbook.tokenizer.tokenizer import SPECIALS, Tokenizer
from hornbook.tuning.classify import Classifier

TOK = Tokenizer.train(
    ["What is a hat? A cap. Where is rain? Sky."],
    280,
    "gpt2",
    SPECIALS,
)
QUIET = (
    "optimizer=adamw",
    "lr=0.01",
    "batch=1",
    "compile=off",
    "evaluations=0",
)
TALKS = [
    {"instruction": "What is a hat?", "output": "A cap."},
    {"instruction": "Where is rain?", "output": "Sky."},
]


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with a model, examples, and a recipe for them."""
    monkeypatch.chdir(tmp_path)
    shape = make_config(
        vocab_size=280, layers=1, width=32, heads=2, context=64
    )
    Transformer(shape, seed=1).save("model.gguf", "gguf", TOK)
    Path("talks.json").write_text(json.dumps(TALKS), "utf-8")
    rows = "wear\ta hat\nsky\train\nwear\ta coat\nsky\tsun\n"
    Path("rows.tsv").write_text(rows, "utf-8")
    lines = "\n".join(
        line.replace("=adamw", '="adamw"').replace("=off", '="off"')
        for line in QUIET
    )
    Path("ask.toml").write_text(
        '[finetune.ask]\nbase = "model.gguf"\ndata = "talks.json"\n'
        f"steps = 40\n{lines}\n",
        "utf-8",
    )


def tuning(name: str, **given: str) -> list[str]:
    rows = [f"{key}={value}" for key, value in given.items()]
    return [f"finetune.{name}.{row}" for row in (*QUIET, *rows)]


def test_a_recipe_can_be_a_tuning_and_nothing_else() -> None:
    stages = [s.name for s in road(load_recipe("ask.toml"))]
    assert stages == ["finetune.ask", "export"]
    record = run("ask.toml")
    assert set(record.stages) == set(stages)
    model = Transformer.load("runs/ask:ask")
    for talk in TALKS:
        said = [{"role": "user", "content": talk["instruction"]}]
        assert chat(model, TOK, said) == talk["output"]
    assert Transformer.load("runs/ask/export").config == model.config


def test_another_base_makes_the_tuning_stale() -> None:
    run("ask.toml", ["finetune.ask.steps=2"], last="finetune")
    first = load_record("runs/ask").stages["finetune.ask"]
    run("ask.toml", ["finetune.ask.steps=2"], last="finetune")
    again = load_record("runs/ask").stages["finetune.ask"]
    assert again == first
    other = Transformer(Transformer.load("model.gguf").config, seed=2)
    other.save("model.gguf", "gguf", TOK)
    run("ask.toml", ["finetune.ask.steps=2"], last="finetune")
    third = load_record("runs/ask").stages["finetune.ask"]
    assert third.parts["before"] != first.parts["before"]


def test_a_tuning_of_a_tuning_of_a_model_from_elsewhere() -> None:
    more = tuning("more", base="ask", steps="2", data="talks.json")
    less = ["finetune.ask.steps=2", *more]
    record = run("ask.toml", less, last="finetune")
    assert set(record.stages) == {"finetune.ask", "finetune.more"}
    assert Transformer.load("runs/ask:more").config.width == 32


def test_one_tuning_of_a_run_asks_for_nothing_else(
    tiny: tuple[str, ...],
) -> None:
    given = tuning(
        "rows", base="model.gguf", steps="2", method="classify",
        data="rows.tsv", length="8",
    )
    recipe = load_recipe("smoke", given)
    assert needed(recipe, ["rows"]) == {"finetune.rows"}
    assert needed(recipe, ["chat"]) > {"pretrain", "finetune.chat"}
    record = run(
        "smoke", [*tiny, *given], last="finetune", tunings=["rows"]
    )
    assert set(record.stages) == {"finetune.rows"}
    assert Classifier.load("runs/smoke:rows").classes == ("sky", "wear")


def test_what_needs_text_says_so() -> None:
    with pytest.raises(RecipeError, match="corpus.source.*ask learns"):
        load_recipe("ask.toml", ["finetune.ask.data="])
    with pytest.raises(RecipeError, match="the pretraining learns"):
        load_recipe("ask.toml", ["finetune.ask.base=base"])


def test_a_base_that_is_not_there_is_told_at_once() -> None:
    with pytest.raises(ModelError, match="no model at ./other.gguf"):
        run("ask.toml", ["finetune.ask.base=./other.gguf"])
    with pytest.raises(RecipeError, match="base is 'others'"):
        load_recipe("ask.toml", ["finetune.ask.base=others"])
    with pytest.raises(RecipeError, match="sha256=DIGEST"):
        load_recipe("ask.toml", ["finetune.ask.base=wheel:a==1"])


def test_rows_are_not_longer_than_the_base_can_look() -> None:
    with pytest.raises(RecipeError, match="looks at 64 tokens"):
        run("ask.toml", ["finetune.ask.context=65"], last="finetune")
    short = ["finetune.ask.context=40", "finetune.ask.steps=1"]
    run("ask.toml", short, last="finetune")
    plan = Path("runs/ask/finetune/ask.plan.json").read_text("utf-8")
    assert json.loads(plan)["cost"]["tokens"] == 40


def test_a_chat_model_from_elsewhere_is_asked_in_its_own_words(
    run_copy: Path,
) -> None:
    """It is also measured beside what it was, not beside this run's."""
    given = tuning(
        "chat", base=str(Path("model.gguf").absolute()), steps="2",
        data=str(Path("talks.json").absolute()),
    )
    record = run(run_copy, given, last="evaluate", keep=False)
    asked = load_recipe(run_copy).finetune["chat"]
    assert asked.base.endswith("model.gguf")
    report = json.loads(
        (record.path / "evaluation" / "report.json").read_text("utf-8")
    )
    assert "answers_ended" in report["tasks"]
    card = (record.path / "evaluation" / "model_card.md").read_text(
        "utf-8"
    )
    assert "not made in this run" in card
    assert "trained-from-scratch" not in card
