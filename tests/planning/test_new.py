"""A new recipe is one that a run takes, and it says why."""

import tomllib
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.base.store import size
from hornbook.planning.draft import SPLIT, draft
from hornbook.planning.new import (
    number,
    quoted,
    recipe_text,
)
from hornbook.planning.use_case import Survey, UseCase
from hornbook.recipe import build_recipe

FOUND = Survey(
    documents=800, text_bytes=900_000, titled=800,
    kinds={".txt": 900_000}, topics={"birds": 400, "fish": 400},
)
CUT = msgspec.structs.replace(FOUND, cut_characters=2000)
PARTED = msgspec.structs.replace(FOUND, separator="\n\n---\n")


@pytest.mark.parametrize("task", SPLIT)
def test_a_recipe_says_what_was_chosen(task: str) -> None:
    case = UseCase(
        name="pocket", text="some/text", task=task, minutes=20
    )
    made = draft(case, FOUND)
    tables = tomllib.loads(recipe_text(made))
    assert tables["name"] == "pocket"
    assert tables["corpus"]["source"][0]["path"] == "some/text"
    assert tables["tokenizer"]["vocab_size"] == made.model.vocab_size
    assert tables["model"]["width"] == made.model.width
    tunings = tables.get("finetune", {}).values()
    spent = tables["pretrain"]["minutes"]
    spent += sum(tuning["minutes"] for tuning in tunings)
    assert spent == pytest.approx(20)


@pytest.mark.parametrize("task", SPLIT)
@pytest.mark.parametrize("found", [FOUND, CUT, PARTED])
def test_a_recipe_is_one_that_a_run_takes(
    task: str, found: Survey
) -> None:
    case = UseCase(name="pocket", text="text", task=task, minutes=20)
    made = draft(case, found)
    tables = tomllib.loads(recipe_text(made))
    recipe = build_recipe(tables, "pocket.toml")
    assert recipe.shape == made.model
    assert list(recipe.finetune) == list(made.minutes)[1:]
    assert recipe.corpus.source[0].separator == found.separator
    cut = recipe.corpus.source[0].cut_characters
    assert cut == found.cut_characters


@pytest.mark.parametrize(
    ("text_bytes", "heldout"),
    [(900_000, 45_000), (8_000_000, 400_000), (40_000_000, 400_000)],
)
def test_scores_never_need_more_than_400_kB(
    text_bytes: int, heldout: int
) -> None:
    found = msgspec.structs.replace(FOUND, text_bytes=text_bytes)
    case = UseCase(name="pocket", text="text", minutes=20)
    text = recipe_text(draft(case, found))
    assert tomllib.loads(text)["corpus"]["heldout_bytes"] == heldout
    assert f"# At least {size(heldout)} that no model" in text


@pytest.mark.parametrize(
    ("languages", "pattern", "language"),
    [(("en",), "gpt2", "en"), (("ja",), "cl100k", "ja"),
     (("en", "ja"), "cl100k", None)],
)
def test_the_language_chooses_the_pattern(
    languages: tuple[str, ...], pattern: str, language: str | None
) -> None:
    case = UseCase(name="pocket", text="text", languages=languages)
    tables = tomllib.loads(recipe_text(draft(case, FOUND)))
    assert tables["tokenizer"]["pattern"] == pattern
    assert tables["corpus"]["source"][0].get("language") == language


def test_the_commands_can_be_typed_as_they_stand() -> None:
    case = UseCase(name="pocket", text="text")
    text = recipe_text(draft(case, FOUND), Path("my text/pocket.toml"))
    assert "#   hornbook run 'my text/pocket.toml' " in text


@pytest.mark.parametrize(
    ("minutes", "scaling"),
    [(2.0, {"on": False}), (10.0, {"minutes": 1.6}),
     (600.0, {"minutes": 10})],
)
def test_small_models_get_their_share_of_the_time(
    minutes: float, scaling: dict[str, float]
) -> None:
    case = UseCase(name="pocket", text="text", minutes=minutes)
    tables = tomllib.loads(recipe_text(draft(case, FOUND)))
    assert tables["scaling"] == scaling


def test_every_table_gives_its_reason() -> None:
    case = UseCase(name="pocket", text="text")
    lines = recipe_text(draft(case, FOUND)).splitlines()
    tables = [n for n, line in enumerate(lines) if line.startswith("[")]
    assert len(tables) == 7
    assert all(lines[n - 1].startswith("# ") for n in tables)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_path_can_be_written(path: str) -> None:
    assert tomllib.loads(f"path = {quoted(path)}")["path"] == path


@given(st.floats(0.01, 1e5))
def test_numbers_are_toml(value: float) -> None:
    read = tomllib.loads(f"x = {number(value)}")["x"]
    assert read == pytest.approx(value, rel=1e-4)
