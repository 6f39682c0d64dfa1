from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.base.config import convert, override, read_toml
from hornbook.base.errors import RecipeError


class Source(msgspec.Struct, frozen=True):
    name: str = ""
    weight: float = 1.0


class Corpus(msgspec.Struct, frozen=True):
    source: tuple[Source, ...] = ()
    rules: dict[str, float] = {}


class Tuning(msgspec.Struct, frozen=True):
    steps: int = 0
    method: Literal["sft", "classify"] = "sft"


class Recipe(msgspec.Struct, frozen=True):
    name: str = ""
    corpus: Corpus = Corpus()
    finetune: dict[str, Tuning] = {}
    pretrain: Tuning | None = None


def read(tables: dict[str, Any]) -> Recipe:
    return convert(tables, Recipe, "demo.toml")


def test_tables_become_structs() -> None:
    recipe = read(
        {
            "corpus": {"source": [{"name": "a"}, {"weight": 2}]},
            "finetune": {"chat": {"steps": 3}},
            "pretrain": {"steps": 4},
        }
    )
    assert recipe.corpus.source == (Source("a"), Source("", 2.0))
    assert recipe.finetune == {"chat": Tuning(3)}
    assert recipe.pretrain == Tuning(4)


@pytest.mark.parametrize(
    ("tables", "path", "hint"),
    [
        ({"nam": "x"}, "nam", "did you mean 'name'?"),
        ({"pretrain": {"step": 1}}, "pretrain.step", "'steps'?"),
        (
            {"corpus": {"source": [{}, {"wieght": 1}]}},
            "corpus.source[1].wieght",
            "'weight'?",
        ),
        (
            {"finetune": {"chat": {"stepps": 1}}},
            "finetune.chat.stepps",
            "'steps'?",
        ),
        (
            {"pretrain": {"zzz": 1}},
            "pretrain.zzz",
            "known here: method, steps",
        ),
    ],
)
def test_an_unknown_key_is_refused_with_its_path(
    tables: dict[str, Any], path: str, hint: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        read(tables)
    text = str(caught.value)
    assert text.startswith(f"demo.toml: there is no key {path!r}; ")
    assert text.endswith(hint)


@pytest.mark.parametrize(
    ("tables", "path"),
    [
        ({"name": 1}, "name"),
        ({"corpus": 1}, "corpus"),
        ({"pretrain": {"steps": "many"}}, "pretrain.steps"),
        ({"pretrain": {"steps": 1.5}}, "pretrain.steps"),
        (
            {"corpus": {"source": [{}, {"weight": "much"}]}},
            "corpus.source[1].weight",
        ),
        (
            {"finetune": {"chat": {"steps": True}}},
            "finetune.chat.steps",
        ),
        ({"finetune": {"chat": 1}}, "finetune.chat"),
        ({"corpus": {"rules": {"short": ""}}}, "corpus.rules.short"),
    ],
)
def test_a_wrong_type_names_its_key(
    tables: dict[str, Any], path: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        read(tables)
    text = str(caught.value)
    assert text.startswith("demo.toml: expected ")
    assert f" at `{path}`; correct" in text


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("pretrain.steps=100", {"pretrain": {"steps": 100}}),
        ("name=mine", {"name": "mine"}),
        ("name='100'", {"name": "100"}),
        (" name = a=b ", {"name": "a=b"}),
        ("a.b.c=[1, 2]", {"a": {"b": {"c": [1, 2]}}}),
        ("a.b=true", {"a": {"b": True}}),
        ("a.b=", {"a": {"b": ""}}),
        ("a=.03", {"a": 0.03}),
        ("a=-.5e-1", {"a": -0.05}),
        ("a=3.", {"a": 3.0}),
        ("a=.", {"a": "."}),
        ("a=.03.1", {"a": ".03.1"}),
    ],
)
def test_settings_reach_into_tables(
    setting: str, expected: dict[str, Any]
) -> None:
    tables: dict[str, Any] = {}
    override(tables, [setting])
    assert tables == expected


@pytest.mark.parametrize(
    "tables",
    [
        {"pretrain": {"method": "pair"}},
        {"finetune": {"chat": {"method": "pair"}}},
    ],
)
def test_a_wrong_choice_lists_the_right_ones(
    tables: dict[str, Any],
) -> None:
    with pytest.raises(RecipeError, match="can be 'sft', 'classify';"):
        read(tables)


def test_settings_keep_what_stands_beside_them() -> None:
    tables = {"pretrain": {"steps": 1, "batch": 2}, "name": "x"}
    override(tables, ["pretrain.steps=3", "pretrain.steps=4"])
    assert tables == {
        "pretrain": {"steps": 4, "batch": 2},
        "name": "x",
    }


@pytest.mark.parametrize("setting", ["name", "=1", "name.a=1", ""])
def test_a_setting_without_a_place_is_refused(setting: str) -> None:
    with pytest.raises(RecipeError, match="--set"):
        override({"name": "x"}, [setting])


@pytest.mark.parametrize(
    "data", [b"name = ", b"a = 1\na = 2", b"\xff", b"name: x", b"[a"]
)
def test_what_is_not_toml_is_refused(
    data: bytes, tmp_path: Path
) -> None:
    (tmp_path / "demo.toml").write_bytes(data)
    with pytest.raises(RecipeError, match=r"demo\.toml is not valid"):
        read_toml(tmp_path / "demo.toml")


def test_a_missing_recipe_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"no recipe at .*demo\.toml"):
        read_toml(tmp_path / "demo.toml")
    with pytest.raises(RecipeError, match="cannot be read"):
        read_toml(tmp_path)


@given(
    tables=st.dictionaries(
        st.sampled_from(["name", "corpus", "finetune", "x"]),
        st.recursive(
            st.none() | st.integers() | st.text(max_size=3),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["source", "chat", "steps", "y"]),
                    inner,
                )
            ),
            max_leaves=6,
        ),
    )
)
def test_any_tables_are_read_or_refused_in_a_sentence(
    tables: dict[str, Any],
) -> None:
    try:
        recipe = read(tables)
    except RecipeError as error:
        assert str(error).startswith("demo.toml: ")
    else:
        assert recipe.name == tables.get("name", "")
