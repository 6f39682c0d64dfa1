"""Two runs side by side: what was changed, and what came of it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from hornbook.base.record import RunRecord, load_record
from hornbook.base.store import digest_file, read_json

REPORT = "evaluation/report.json"
HELDOUT = "corpus/heldout.parquet"


class Setting(msgspec.Struct, frozen=True):
    """A key of the recipes that is not the same in both."""

    key: str
    first: Any
    second: Any


class Pair(msgspec.Struct, frozen=True):
    """A score of both runs, and whether one is clearly better."""

    name: str
    first: dict[str, Any] | None
    """The score as the report has it; None where there is none."""
    second: dict[str, Any] | None
    differs: bool
    """Whether the two intervals have nothing in common."""
    better: str
    """``first`` or ``second`` where they differ, else empty."""


class Comparison(msgspec.Struct, frozen=True):
    """All that tells two runs apart."""

    runs: tuple[str, str]
    settings: tuple[Setting, ...]
    scores: tuple[Pair, ...]
    seconds: dict[str, tuple[float | None, float | None]]
    """Wall-clock time of each stage."""
    same_heldout: bool
    """Whether both were scored on the same held-out text."""


def compare(first: Path, second: Path) -> Comparison:
    """Compare two runs: recipes, scores and times.

    Two scores differ when their 95% intervals do not overlap. That is
    careful: scores whose intervals overlap a little may differ too,
    and only their difference on the same items could tell.

    Raises:
        CorruptFileError: one is no run, or its files are damaged.
    """
    one, two = load_record(first), load_record(second)
    return Comparison(
        runs=(one.name, two.name),
        settings=tuple(changed(one.recipe, two.recipe)),
        scores=tuple(scores(tasks(first), tasks(second))),
        seconds=dict(seconds(one, two)),
        same_heldout=heldout(first) == heldout(second) != "",
    )


def changed(
    first: Mapping[str, Any], second: Mapping[str, Any]
) -> Iterator[Setting]:
    """Give the keys that differ, as ``--set`` would name them.

    >>> [s.key for s in changed({"a": {"b": 1}}, {"a": {"b": 2}})]
    ['a.b']
    """
    one, two = flat(first), flat(second)
    for key in dict.fromkeys([*one, *two]):
        if one.get(key) != two.get(key):
            yield Setting(key, one.get(key), two.get(key))


def flat(table: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Write nested tables as one, with dotted keys."""
    found: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{above}{key}.")
        else:
            found[f"{above}{key}"] = value
    return found


def tasks(folder: Path) -> dict[str, dict[str, Any]]:
    """Read a run's scores; none where it was not evaluated."""
    path = folder / REPORT
    return dict(read_json(path)["tasks"]) if path.exists() else {}


def scores(
    first: Mapping[str, dict[str, Any]],
    second: Mapping[str, dict[str, Any]],
) -> Iterator[Pair]:
    """Set every score beside its like."""
    for name in dict.fromkeys([*first, *second]):
        one, two = first.get(name), second.get(name)
        if one is None or two is None:
            yield Pair(name, one, two, False, "")
            continue
        apart = one["high"] < two["low"] or two["high"] < one["low"]
        lower = one.get("better") == "lower"
        ahead = (one["value"] < two["value"]) == lower
        winner = ("first" if ahead else "second") if apart else ""
        yield Pair(name, one, two, apart, winner)


def seconds(
    first: RunRecord, second: RunRecord
) -> Iterator[tuple[str, tuple[float | None, float | None]]]:
    """Give how long each stage took in either run."""
    one = {name: s.seconds for name, s in first.stages.items()}
    two = {name: s.seconds for name, s in second.stages.items()}
    for name in dict.fromkeys([*one, *two]):
        yield name, (one.get(name), two.get(name))


def heldout(folder: Path) -> str:
    """Digest a run's held-out text; empty where there is none."""
    path = folder / HELDOUT
    return digest_file(path) if path.exists() else ""
