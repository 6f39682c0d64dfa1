"""Make the bands of expected losses that ship with Hornbook.

    python benchmarks/bands.py RECIPE RUN...

``src/hornbook/recipes/bands.json`` says what the loss of a shipped
recipe is at some shares of its pretraining. This takes those losses
from finished runs of RECIPE and writes its band anew. Runs that differ
in their seed are made by

    hornbook pretrain smoke --set seed=2 --set scaling.on=false

each in a folder of its own.

Where the runs have different seeds and equal lengths, the margin is
what one more run may differ from their mean at 95% (student1908), by
the deviation pooled over the shares. Where they do not, as with runs
of a few minutes on different machines, it is the widest margin of the
other recipes.
"""

import sys
from pathlib import Path

import msgspec
import numpy as np
from scipy.stats import t as student

from hornbook.base.config import read_toml
from hornbook.base.store import read_json
from hornbook.recipe import find_recipe
from hornbook.training.bands import (
    FREE,
    SECTIONS,
    SHARES,
    Band,
    Curve,
    load_bands,
    losses_at,
    relevant,
)
from hornbook.training.evidence import gather

FILE = Path(__file__).parents[1] / "src/hornbook/recipes/bands.json"


def tables_of(name):
    """Take the tables of a shipped recipe that losses depend on."""
    whole = read_toml(find_recipe(name))
    return {
        section: {
            k: v
            for k, v in whole.get(section, {}).items()
            if k not in FREE.get(section, set())
        }
        for section in SECTIONS
    }


def read_run(folder, recipe):
    """Give a run's curve and seed; it must be of the recipe."""
    record = read_json(folder / "run.json")
    if relevant(record["recipe"]) != relevant(recipe):
        sys.exit(f"{folder} was made with other settings")
    seen = gather(folder)[0]
    losses = [round(x, 4) for x in losses_at(seen.loss, seen.steps)]
    return Curve(seen.steps, tuple(losses)), record["seed"]


def margin_of(curves):
    """Give how far one more run may lie from the mean of these."""
    values = np.array([curve.loss for curve in curves])
    deviation = np.sqrt(values.var(axis=0, ddof=1).mean())
    count = len(curves)
    factor = student.ppf(0.975, count - 1)
    return float(factor * deviation * (1 + 1 / count) ** 0.5)


def main(name, folders):
    """Read, measure, write."""
    bands = load_bands() if FILE.exists() else {}
    recipe = tables_of(name)
    runs = [read_run(Path(folder), recipe) for folder in folders]
    curves = sorted((c for c, _ in runs), key=lambda c: c.steps)
    seeds = sorted({seed for _, seed in runs})
    steps = [curve.steps for curve in curves]
    made = f"{len(runs)} runs of {min(steps)} to {max(steps)} steps, "
    if len(seeds) == len(runs) and len(set(steps)) == 1:
        margin = margin_of(curves)
        made += f"seeds {seeds}; the margin is their own"
    else:
        margin = max(b.margin for k, b in bands.items() if k != name)
        made += f"seeds {seeds}; the margin is another recipe's"
    bands[name] = Band(
        made=made,
        recipe=recipe,
        margin=round(margin, 3),
        runs=tuple(curves),
    )
    text = msgspec.json.format(msgspec.json.encode(bands), indent=1)
    FILE.write_bytes(text + b"\n")
    print(name, SHARES, curves, made, round(margin, 3))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
