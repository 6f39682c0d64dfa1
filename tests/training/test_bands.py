import msgspec
import pytest

from hornbook.base.config import read_toml
from hornbook.recipe import load_recipe, shipped_recipes
from hornbook.training.bands import (
    SHARES,
    load_bands,
    losses_at,
    place,
    relevant,
)
from hornbook.training.evidence import Evidence


def seen(loss: list[float], planned: int = 0) -> Evidence:
    """Give what a pretraining left."""
    return Evidence(
        run="r", section="pretrain", loss=tuple(loss), planned=planned
    )


@pytest.mark.parametrize("name", sorted(load_bands()))
def test_a_band_belongs_to_the_recipe_as_it_is_shipped(
    name: str,
) -> None:
    # If this fails, make the band anew: benchmarks/bands.py says how
    band = load_bands()[name]
    tables = read_toml(shipped_recipes()[name])
    assert relevant(band.recipe) == relevant(tables) != {}
    steps = tables["pretrain"].get("steps")
    assert not steps or band.covers(steps)


@pytest.mark.parametrize("name", sorted(load_bands()))
def test_the_runs_of_a_band_lie_inside_it(name: str) -> None:
    band = load_bands()[name]
    assert band.margin > 0.01
    for run in band.runs:
        missed = abs(band.expected(run.steps) - run.loss)
        assert (missed <= band.margin).all()


def curve(steps: int) -> list[float]:
    """Give a curve in the middle of the band of ``smoke``."""
    from itertools import pairwise

    band = load_bands()["smoke"]
    shares = [0.0, *SHARES]
    losses = [6.93, *map(float, band.expected(steps))]
    ends = list(pairwise(zip(shares, losses, strict=True)))
    found = []
    for step in range(steps):
        (a, y), (b, z) = next(e for e in ends if step < e[1][0] * steps)
        found.append(y + (z - y) * (step / steps - a) / (b - a))
    return found


def test_a_run_is_set_beside_its_own_recipe_alone() -> None:
    steps = load_bands()["smoke"].runs[0].steps
    usual = curve(steps)
    shipped = msgspec.to_builtins(load_recipe("smoke"))
    found = list(place(shipped, seen(usual)))
    assert [each.share for each in found] == list(SHARES)
    late = [each for each in found if each.share > 0.1]
    assert all(each.inside for each in late)
    assert "inside what the recipe smoke gives" in late[0].sentence
    worse = list(place(shipped, seen([x + 0.3 for x in usual])))
    assert not any(each.inside for each in worse)
    assert "above what the recipe smoke" in worse[-1].sentence

    # Half of a run is compared as far as it came
    half = list(place(shipped, seen(usual[: steps // 2], steps)))
    assert [each.share for each in half] == [0.1, 0.25, 0.5]


@pytest.mark.parametrize(
    "change",
    [
        "pretrain.lr=0.03", "pretrain.batch=8", "model.layers=3",
        "tokenizer.vocab_size=900", "corpus.heldout_documents=50",
    ],
)
def test_of_other_recipes_nothing_is_said(change: str) -> None:
    steps = load_bands()["smoke"].runs[0].steps
    other = msgspec.to_builtins(load_recipe("smoke", [change]))
    assert not list(place(other, seen(curve(steps))))


def test_of_other_lengths_and_no_recipe_nothing_is_said() -> None:
    steps = load_bands()["smoke"].runs[0].steps
    shipped = msgspec.to_builtins(load_recipe("smoke"))
    assert not list(place(shipped, seen(curve(2 * steps))))
    assert not list(place({}, seen(curve(steps))))


def test_free_keys_change_nothing() -> None:
    steps = load_bands()["smoke"].runs[0].steps
    free = ["pretrain.save_seconds=9", "model.attention=explicit"]
    same = msgspec.to_builtins(load_recipe("smoke", free))
    assert list(place(same, seen(curve(steps))))


def test_losses_are_medians_around_a_place() -> None:
    losses = tuple(float(step) for step in range(1000))
    middles = [99.5, 249.5, 499.5, 749.5, 974.5]
    assert losses_at(losses, 1000) == pytest.approx(middles)
