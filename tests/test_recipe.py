from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.base.errors import RecipeError
from hornbook.recipe import (
    LONGEST_NAME,
    check_name,
    find_recipe,
    load_recipe,
    shipped_recipes,
)
from hornbook.route import road
from hornbook.stages import recipe_toml

SHIPPED = shipped_recipes()
LEAST = """
[[corpus.source]]
kind = "folder"
path = "texts"
"""


def written(folder: Path, text: str = LEAST) -> Path:
    """Write a recipe."""
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def refused(source: Any, *settings: str) -> str:
    """Give the sentence with which a recipe is refused."""
    with pytest.raises(RecipeError) as caught:
        load_recipe(source, settings)
    return str(caught.value)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_recipe_loads(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.shape.vocab_size == recipe.tokenizer.vocab_size
    assert recipe.corpus.source


def test_the_promised_recipes_are_shipped() -> None:
    assert {"demo", "smoke"} <= SHIPPED.keys()


@pytest.mark.parametrize("name", SHIPPED)
def test_a_saved_recipe_loads_back_equal(
    name: str, tmp_path: Path
) -> None:
    recipe = load_recipe(name, ["pretrain.lr=0.0123", "seed=7"])
    path = tmp_path / "recipe.toml"
    path.write_text(recipe_toml(recipe), encoding="utf-8")
    assert load_recipe(path) == load_recipe(tmp_path) == recipe


def test_an_adapter_has_its_own_rates_unless_told(
    tmp_path: Path,
) -> None:
    path = written(tmp_path)
    rank, lr = "finetune.a.lora.rank=4", "finetune.a.lr=0.3"
    tuning = load_recipe(path, [rank]).finetune["a"]
    assert tuning.optimizer == "adamw" and tuning.lr < 0.02
    assert tuning.lora is not None and tuning.lora.rank == 4
    tuning = load_recipe(path, [rank, lr]).finetune["a"]
    assert (tuning.optimizer, tuning.lr) == ("adamw", 0.3)
    base = tmp_path / "other" / "model"
    wide = load_recipe(path, [rank, f"finetune.a.base={base}"])
    own = load_recipe(path, [rank])
    assert wide.finetune["a"].lr < own.finetune["a"].lr

    # What begins with a fine-tuned model from elsewhere is none of ours
    line = [f"finetune.a.base={base}", "finetune.b.base=a"]
    line += ["finetune.b.epochs=1", "finetune.b.lora.rank=4"]
    later = load_recipe(path, line).finetune["b"]
    assert later.lr == wide.finetune["a"].lr
    odd = [rank, "finetune.a.base=['x']"]
    with pytest.raises(RecipeError, match="base"):
        load_recipe(path, odd)
    recipe = load_recipe(path, [rank, lr])
    again = tmp_path / "again.toml"
    again.write_text(recipe_toml(recipe), encoding="utf-8")
    assert load_recipe(again) == recipe


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("lora.rank=0", "finetune.a.lora.rank is 0"),
        ("lora.alpha=0", "finetune.a.lora.alpha is 0"),
        ("lora.bits=8", "bits"),
        ("lora.targets=['x']", "targets"),
        ("lora.rang=4", "lora.rang"),
        ("blocks=-1", "finetune.a.blocks is -1"),
    ],
)
def test_an_adapter_that_cannot_be_is_refused(
    setting: str, words: str, tmp_path: Path
) -> None:
    said = refused(
        written(tmp_path),
        "finetune.a.lora.rank=4",
        f"finetune.a.{setting}",
    )
    assert words in said


def test_rates_by_width_are_not_for_adapters(tmp_path: Path) -> None:
    said = refused(
        written(tmp_path),
        "finetune.a.lora.rank=4",
        "finetune.a.base_width=64",
    )
    assert "finetune.a.base_width" in said


def test_a_stage_after_an_adapter_waits_for_its_file(
    tmp_path: Path,
) -> None:
    recipe = load_recipe(
        written(tmp_path),
        ["finetune.a.lora.rank=4", "finetune.b.base=a"],
    )
    stages = {stage.name: stage for stage in road(recipe)}
    file = "finetune/a/adapter_model.safetensors"
    assert file in stages["finetune.b"].before
    assert file in stages["evaluate"].before
    assert "finetune/b/model.safetensors" in stages["evaluate"].before


def test_a_recipe_is_named_after_its_file(tmp_path: Path) -> None:
    path = written(tmp_path)
    assert load_recipe(path).name == "mine"
    assert load_recipe(path, ["name=other"]).name == "other"


@pytest.mark.parametrize(
    ("key", "full", "near"),
    [
        ("sed", "'sed'", "'seed'"),
        ("pretrain.step", "'pretrain.step'", "'steps'"),
        ("model.layer", "'model.layer'", "'layers'"),
        ("finetune.chat.epoch", "'finetune.chat.epoch'", "'epochs'"),
        ("corpus.rules.name", "'corpus.rules.name'", "'names'"),
    ],
)
def test_an_unknown_key_is_named_with_its_path(
    key: str, full: str, near: str
) -> None:
    sentence = refused("smoke", f"{key}=1")
    assert full in sentence and near in sentence
    assert sentence.startswith("the recipe smoke: ")


def test_an_unknown_key_of_a_source_is_named(tmp_path: Path) -> None:
    sentence = refused(written(tmp_path, f"{LEAST}titel = 'x'\n"))
    assert "corpus.source[0].titel" in sentence


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("pretrain.steps=many", "pretrain.steps"),
        ("pretrain.batch=0", "pretrain.batch"),
        ("pretrain.lr=-1", "pretrain.lr"),
        ("pretrain.epochs=2", "pretrain.epochs"),
        ("pretrain.optimizer=sgdd", "pretrain.optimizer"),
        ("pretrain=5", "pretrain"),
        ("model.form=gtp2", "model.form"),
        ("model.heads=0", "model.heads"),
        ("model.head_dim=3", "model.head_dim"),
        ("model.vocab_size=999", "tokenizer.vocab_size"),
        ("tokenizer.vocab_size=10", "vocab_size"),
        ("plan.threads=-1", "threads"),
        ("evaluation.questions=0", "evaluation.questions"),
        ("evaluation.choices=1", "evaluation.choices"),
        ("evaluation.tasks=['facts']", "no task 'facts'"),
        ("finetune.chat.batch=0", "finetune.chat.batch"),
        ("finetune.chat.turns=0", "finetune.chat.turns"),
        ("finetune.chat.subjects=-1", "finetune.chat.subjects"),
        ("finetune.chat.base=nothing", "finetune.chat.base"),
        ("finetune.chat.base=chat", "finetune.chat.base"),
        ("finetune.chat.base=best", "'best' with pretrain.keep_best"),
        ("finetune.chat.keep_best=true", "finetune.chat.keep_best"),
        ("finetune.base.epochs=1", "finetune.base"),
        ("pretrain.steps.more=1", "'steps' is a value"),
        ("pretrain.steps", "key.path=value"),
        ("=5", "key.path=value"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_made(
    setting: str, says: str
) -> None:
    assert says in refused("smoke", setting)


def test_the_best_model_can_be_a_beginning() -> None:
    kept = "pretrain.keep_best=true"
    recipe = load_recipe("smoke", [kept, "finetune.chat.base=best"])
    (chat,) = [s for s in road(recipe) if s.name == "finetune.chat"]
    assert "checkpoints/best/model.safetensors" in chat.before
    with pytest.raises(RecipeError, match="choose another name"):
        load_recipe("smoke", [kept, "finetune.best.epochs=1"])


def test_settings_change_single_keys() -> None:
    recipe = load_recipe(
        "smoke",
        [
            "pretrain.lr = 0.5",
            "name=mine",
            "finetune.more.method=sft",
            "finetune.more.base=chat",
            "finetune.more.epochs=1",
            "export.format='native'",
        ],
    )
    plain = load_recipe("smoke")
    assert recipe.pretrain.lr == 0.5
    assert recipe.pretrain.batch == plain.pretrain.batch
    assert (recipe.name, recipe.export.format) == ("mine", "native")
    assert recipe.finetune["more"].base == "chat"
    assert list(plain.finetune) == ["topic", "chat"]


def test_a_form_gives_the_defaults_of_a_model(tmp_path: Path) -> None:
    text = f"{LEAST}[model]\nform = 'gpt2'\nbias = false\n"
    shape = load_recipe(written(tmp_path, text)).shape
    assert (shape.positions, shape.bias) == ("learned", False)


NAMES = ["a", "my-run_2.b", "Übung"]


@pytest.mark.parametrize("name", [*NAMES, "x" * LONGEST_NAME])
def test_a_plain_name_is_taken(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize(
    "name",
    ["", "..", ".a", "-", "a/b", "a\\b", "a b", "a:b", "a\n"]
    + ["x" * (LONGEST_NAME + 1)],
)
def test_a_name_that_is_no_plain_folder_is_refused(name: str) -> None:
    with pytest.raises(RecipeError, match="cannot name a folder"):
        check_name(name)


@given(st.text(max_size=12))
def test_a_name_that_is_taken_stays_in_its_folder(name: str) -> None:
    try:
        check_name(name)
    except RecipeError:
        return
    assert Path(name).name == name and not name.startswith(".")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[corpus", "not valid TOML"),
        ("name = 'x'", "corpus"),
        ("[corpus]\nsource = []", "[[corpus.source]]"),
        ("[[corpus.source]]\nkind = 'folder'", "'path'"),
        ("model = 5\n" + LEAST, "model"),
    ],
)
def test_a_damaged_recipe_is_named(
    tmp_path: Path, text: str, says: str
) -> None:
    sentence = refused(written(tmp_path, text))
    assert "mine.toml" in sentence and says in sentence


def test_a_recipe_that_is_not_there(tmp_path: Path) -> None:
    for source in ("nothing", tmp_path, tmp_path / "x.toml"):
        sentence = refused(source)
        assert "there is no recipe" in sentence
        assert "demo, node, smoke" in sentence


def test_a_file_goes_before_a_shipped_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_recipe("smoke") == SHIPPED["smoke"]
    Path("smoke").write_text(LEAST, encoding="utf-8")
    assert find_recipe("smoke") == Path("smoke")
