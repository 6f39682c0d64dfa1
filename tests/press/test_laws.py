from pathlib import Path

import matplotlib as mpl
import pytest

from hornbook.base.store import write_json
from hornbook.press.laws import draw_sweep, open_sweep, short
from hornbook.press.run_folder import Run
from hornbook.scaling.forecast import enter, score
from hornbook.scaling.prior import load_prior

mpl.use("agg")


def with_sweep(folder: Path, kind: str) -> Run:
    """Give a run whose sweep is that of the shipped points."""
    import msgspec

    from hornbook.scaling.forecast import foretell

    prior = load_prior()
    names = ("parameters", "tokens", "loss")
    points = [dict(zip(names, p, strict=True)) for p in prior.points]
    made = foretell(kind, prior.law, 3_000_000, 40_000_000, 0.4)
    write_json(folder / "scaling" / "fit.json", {
        "kind": kind, "points": points,
        "law": msgspec.to_builtins(prior.law), "free": None,
        "forecast": msgspec.to_builtins(made),
    })
    enter(folder, made)
    score(folder, {
        "heldout_loss": 3.3, "heldout_bpb": 1.4, "tokens": 40_000_000,
    })
    return Run(folder)


def test_a_run_without_a_sweep_shows_other_runs(
    tmp_path: Path,
) -> None:
    swept = open_sweep(Run(tmp_path))
    assert not swept.own and swept.forecast is None
    assert len(swept.points) == len(load_prior().points)


def test_a_sweep_is_drawn_with_its_forecast_and_what_came(
    tmp_path: Path,
) -> None:
    import matplotlib.pyplot as plt

    swept = open_sweep(with_sweep(tmp_path, "corrected"))
    assert swept.own and swept.score is not None
    fig, ax = plt.subplots()
    draw_sweep(ax, swept)
    crosses = [x for x in ax.lines if x.get_marker() == "x"]
    assert crosses[0].get_ydata()[0] == pytest.approx(3.3)
    assert len(ax.containers) == 1
    labels = {text.get_text() for text in ax.texts}
    assert {short(size) for size in swept.sizes} <= labels
    plt.close(fig)


def test_the_prior_is_never_drawn_as_the_runs_own(
    tmp_path: Path,
) -> None:
    import matplotlib.pyplot as plt

    swept = open_sweep(with_sweep(tmp_path, "prior"))
    assert not swept.own and swept.forecast is not None
    fig, ax = plt.subplots()
    draw_sweep(ax, swept)
    assert not ax.containers
    plt.close(fig)
