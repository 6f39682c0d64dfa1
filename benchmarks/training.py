"""Tokens per second: ours against nanoGPT and against Llama.

    python benchmarks/training.py nanogpt --peer ../nanoGPT \\
        --peer-python ../peer/bin/python
    python benchmarks/training.py llama --size 6M \\
        --peer-python ../peer/bin/python

The trainings take turns of a few seconds on the same cores; the first
updates, which compile, are not counted. Printed are the median over
the turns, the ratio to ours in each turn (median, least, most), and
the share of the time that the model's own matrix products would need
alone: nothing can be faster than that.

The peers' environment needs torch, and transformers for ``llama``.
nanoGPT's checkout is used as it is, with its own optimiser; Llama is
``transformers``' model, compiled, in bf16, with torch's fused AdamW.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from limit import seconds_of_products
from turns import Child

from hornbook.base.machine import cores, describe
from hornbook.model.config import FORMS, default_hidden

HERE = Path(__file__).parent

SHAPES: dict[str, dict[str, int]] = {
    "1M": {
        "layers": 4,
        "width": 128,
        "heads": 4,
        "context": 256,
        "vocab": 1024,
        "batch": 32,
    },
    "6M": {
        "layers": 6,
        "width": 256,
        "heads": 4,
        "context": 256,
        "vocab": 4096,
        "batch": 32,
    },
    "30M": {
        "layers": 8,
        "width": 512,
        "heads": 8,
        "context": 256,
        "vocab": 4096,
        "batch": 16,
    },
    "125M": {
        "layers": 12,
        "width": 768,
        "heads": 12,
        "context": 256,
        "vocab": 32768,
        "batch": 8,
    },
}
SHAPES["nanogpt"] = {**SHAPES["6M"], "tied": True}
"""The models that are trained; 16 or more rows fill two cores."""


FORM = {"nanogpt": "gpt2", "llama": "llama"}


def shape_of(given: argparse.Namespace) -> dict[str, Any]:
    """Give the shape's name and numbers, its inner width included."""
    name = given.size if given.against == "llama" else "nanogpt"
    kind = FORMS[FORM[given.against]]["feedforward"]
    return {
        **SHAPES[name],
        "name": name,
        "hidden": default_hidden(SHAPES[name]["width"], kind),
        "inner": 3 if kind == "swiglu" else 2,
    }


def start(
    given: argparse.Namespace, shape: dict[str, Any]
) -> dict[str, Child]:
    """Start ours and the peers, each ready to train."""
    words = [
        "--shape",
        json.dumps(shape),
        "--seconds",
        "1e9",
        "--threads",
        str(cores()),
    ]
    children = {
        "ours": Child(
            sys.executable,
            HERE / "training_ours.py",
            *words,
            "--form",
            FORM[given.against],
        )
    }
    peer = [*words, "--peer", str(given.peer)]
    script = HERE / f"training_{given.against}.py"
    for label, extra in PEERS[given.against].items():
        python = given.peer_python
        children[label] = Child(python, script, *peer, *extra)
    return children


PEERS: dict[str, dict[str, list[str]]] = {
    "nanogpt": {
        "eager fp32": [],
        "compiled bf16": ["--compile", "--bf16"],
    },
    "llama": {"compiled bf16": ["--compile", "--bf16"]},
}


def main() -> None:
    """Train in turns, and print one line of JSON for each training."""
    words = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    words.add_argument("against", choices=PEERS)
    words.add_argument("--size", default="6M", choices=SHAPES)
    words.add_argument("--peer", type=Path, default=Path())
    words.add_argument("--peer-python", default=sys.executable)
    words.add_argument("--turns", type=int, default=9)
    words.add_argument("--slice", type=float, default=8.0)
    given = words.parse_args()
    shape = shape_of(given)
    tokens = shape["batch"] * shape["context"]

    # Warm all up, then let them take turns
    children = start(given, shape)
    for child in children.values():
        child.train(given.slice)
    rates: dict[str, list[float]] = {label: [] for label in children}
    for _ in range(given.turns):
        for label, child in children.items():
            before = dict(child.state)
            after = child.train(given.slice)
            steps = after["steps"] - before["steps"]
            seconds = after["seconds"] - before["seconds"]
            rates[label].append(steps * tokens / seconds)

    # Say what came
    limit = seconds_of_products(shape)
    for label, found in rates.items():
        speed = statistics.median(found)
        pairs = zip(rates["ours"], found, strict=True)
        ratios = [ours / theirs for ours, theirs in pairs]
        line = {
            "training": label,
            "shape": shape["name"],
            "parameters": children[label].state["parameters"],
            "tokens_per_second": round(speed),
            "ours_is_faster_by": round(statistics.median(ratios), 3),
            "least": round(min(ratios), 3),
            "most": round(max(ratios), 3),
            "share_of_products": round(limit * speed / tokens, 3),
        }
        print(json.dumps(line), flush=True)
    for child in children.values():
        child.process.terminate()
    print(
        json.dumps(
            {"machine": describe().processor, "commit": commit(given)}
        )
    )


def commit(given: argparse.Namespace) -> str:
    """Name the version of the peer that was measured."""
    if given.against == "llama":
        asked = "import transformers as t; print(t.__version__)"
        call = [given.peer_python, "-c", asked]
    else:
        call = ["git", "-C", str(given.peer), "rev-parse", "HEAD"]
    done = subprocess.run(
        call, capture_output=True, text=True, encoding="utf-8"
    )
    return done.stdout.strip()


if __name__ == "__main__":
    main()
