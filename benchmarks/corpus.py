r"""From web archives to kept texts: ours against datatrove.

    python -m venv ../peers
    ../peers/bin/pip install ...      # as corpus_datatrove.py says
    python benchmarks/corpus.py --peer-python ../peers/bin/python \
        --pages ../shared/data/html/article-extraction-benchmark/html \
        --cache ../archives

Both read the same WARC files, take the text out of their pages, keep
what is English, apply Gopher's rules, and leave near-duplicates out
(MinHash, 14 bands of 8, runs of five words), each with as many
processes as there are cores. The fast way is measured on 500 MB, ours
with resiliparse, the peer with either extractor that it has; the
careful way on 50 MB, both with trafilatura. The sides take turns, each
in new processes, whose start counts; before, each does a little work
outside the clock. Printed are the medians, in MB of records as they
are before compression, and the ratio to ours within a turn.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from hornbook.base.machine import cores, describe

HERE = Path(__file__).parent
WARM, CAREFUL, FAST = 20, 50, 500
FILES = 16
"""So many files an archive has, that no core waits for another."""
SIDES = {
    "ours, resiliparse": ("ours", "fast", FAST),
    "datatrove, trafilatura": ("datatrove", "trafilatura", FAST),
    "datatrove, readability": ("datatrove", "readability", FAST),
    "ours, trafilatura": ("ours", "careful", CAREFUL),
    "datatrove, trafilatura again": (
        "datatrove",
        "trafilatura",
        CAREFUL,
    ),
}


def make_archive(given: argparse.Namespace, megabytes: int) -> Path:
    """Write an archive of so many megabytes, unless it is there."""
    folder: Path = given.cache / f"archive-{megabytes}"
    if not (folder / "about.json").exists():
        words = ["--pages", given.pages, "--to", folder]
        words += ["--megabytes", megabytes, "--files", FILES]
        call = [given.peer_python, HERE / "corpus_warcs.py", *words]
        subprocess.run(list(map(str, call)), check=True)
    return folder


def run(
    given: argparse.Namespace, side: str, extractor: str, size: int
) -> dict[str, Any]:
    """Let one side do all of its work once."""
    archive = make_archive(given, size)
    python = sys.executable if side == "ours" else given.peer_python
    call = [python, HERE / f"corpus_{side}.py", "--warcs", archive]
    call += ["--to", given.cache / "made", "--cache", given.cache]
    call += ["--extractor", extractor]
    if side == "datatrove":
        call += ["--workers", cores()]
    errors = given.cache / f"{side}.log"
    with errors.open("w", encoding="utf-8") as log:
        done = subprocess.run(
            list(map(str, call)),
            stdout=subprocess.PIPE,
            stderr=log,
            stdin=subprocess.DEVNULL,
            encoding="utf-8",
        )
    if done.returncode:
        raise SystemExit(f"{side} broke off; {errors} says why")
    about = json.loads((archive / "about.json").read_text("utf-8"))
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    speed = about["bytes"] / 1e6 / told["seconds"]
    return {**told, "pages": about["pages"], "speed": speed}


def main() -> None:
    """Let the sides take turns, and print a line for each."""
    words = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    words.add_argument("--pages", type=Path, required=True)
    words.add_argument("--cache", type=Path, required=True)
    words.add_argument("--peer-python", required=True)
    words.add_argument("--turns", type=int, default=3)
    words.add_argument("--sides", nargs="*", default=list(SIDES))
    given = words.parse_args()
    given.cache.mkdir(parents=True, exist_ok=True)

    # Compile and load outside the clock, then take turns
    for side in given.sides:
        run(given, *SIDES[side][:2], WARM)
    found: dict[str, list[dict[str, Any]]] = {}
    for _ in range(given.turns):
        for side in given.sides:
            told = run(given, *SIDES[side])
            found.setdefault(side, []).append(told)
            print(side, told, file=sys.stderr, flush=True)

    # Say what came
    for side, turns in found.items():
        line = {"side": side, "megabytes": SIDES[side][2]}
        line |= compare(turns, found.get(rival(side), turns))
        print(json.dumps(line), flush=True)
    print(json.dumps({"machine": describe().processor}))


def rival(side: str) -> str:
    """Name our side on the same archive."""
    size = SIDES[side][2]
    return next(
        name
        for name, (whose, _, megabytes) in SIDES.items()
        if whose == "ours" and megabytes == size
    )


def compare(
    turns: list[dict[str, Any]], ours: list[dict[str, Any]]
) -> dict[str, Any]:
    """Sum a side's turns up, and hold them against ours."""
    speed = statistics.median(told["speed"] for told in turns)
    ratios = [
        us["speed"] / told["speed"]
        for us, told in zip(ours, turns, strict=True)
    ]
    return {
        "pages": turns[0]["pages"],
        "kept": turns[0]["kept"],
        "seconds": round(
            statistics.median(told["seconds"] for told in turns), 2
        ),
        "megabytes_per_second": round(speed, 2),
        "ours_is_faster_by": round(statistics.median(ratios), 2),
        "least": round(min(ratios), 2),
        "most": round(max(ratios), 2),
    }


if __name__ == "__main__":
    main()
