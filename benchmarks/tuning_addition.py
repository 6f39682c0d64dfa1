"""Addition, learnt from verdicts: GRPO beside as long a time of SFT.

    python benchmarks/tuning_addition.py --minutes 20 --threads 1

The problems are sums of two numbers from 10 to 99. A tenth of the
unordered pairs is for testing: neither a + b nor b + a of these is in
any training. A model of fresh weights is taught by SFT on the other
sums, and what is kept is the last measured state with 95% or more
answers of the right form and under 20% right. From it two trainings
begin, on the same sums and for the same time: GRPO, which is told of
each answer only whether it is right, and more SFT, which is shown the
right answers. Time is the wall clock of all that a training does,
answers and verdicts included; measuring on the way is left out. Right
is the likeliest answer, over all test problems, both orders.
"""

import argparse
import json
import math
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import Any

import torch

from hornbook.base.dialogue import Dialogue, ask
from hornbook.evaluation.interval import wilson
from hornbook.model.config import make_config
from hornbook.model.transformer import Transformer
from hornbook.tokenizer.tokenizer import SPECIALS, Tokenizer
from hornbook.training.batches import Batches
from hornbook.training.loop import Trainer
from hornbook.training.loss import next_token_loss
from hornbook.training.precision import use_threads
from hornbook.tuning.config import TuningConfig
from hornbook.tuning.grpo import AT_ONCE
from hornbook.tuning.judge import Judge
from hornbook.tuning.practice import Practice, Reader
from hornbook.tuning.problems import Problem
from hornbook.tuning.reasoning import ReasoningConfig
from hornbook.tuning.sft import Dialogues, encode, pack

LOW, HIGH = 10, 99
FORM = re.compile(r"[1-9]\d{1,2}")
CONTEXT, ANSWER_TOKENS = 16, 5


def sums(seed: int) -> tuple[list[Problem], list[Problem]]:
    """Give the sums to learn from, and those for testing."""
    pairs = [
        (a, b) for a in range(LOW, HIGH + 1) for b in range(a, HIGH + 1)
    ]
    Random(seed).shuffle(pairs)
    cut = len(pairs) // 10
    return both(pairs[cut:]), both(pairs[:cut])


def both(pairs: list[tuple[int, int]]) -> list[Problem]:
    """Write each pair in both orders."""
    ordered = dict.fromkeys(
        [*pairs, *((b, a) for a, b in pairs)]
    )
    return [Problem(f"{a}+{b}", str(a + b)) for a, b in sorted(ordered)]


class Room:
    """A model, and what it is measured by."""

    def __init__(self, given: argparse.Namespace) -> None:
        self.given = given
        self.learn, self.test = sums(given.seed)
        digits = ["0123456789+ "]
        self.tok = Tokenizer.train(
            digits, 13 + len(SPECIALS), "gpt2", SPECIALS, "char"
        )
        shape = make_config(
            form=given.form,
            vocab_size=self.tok.vocab_size,
            layers=given.layers,
            width=given.width,
            heads=given.heads,
            context=CONTEXT,
        )
        self.model = Transformer(shape, given.seed)
        self.reasoning = ReasoningConfig(
            rewards={"number": 1.0},
            group=given.group,
            variant=given.variant,
            max_tokens=ANSWER_TOKENS,
            updates=given.updates,
        )
        self.reader = Reader(
            self.model, self.tok, self.reasoning, "fp32"
        )

    def score(self, problems: list[Problem]) -> tuple[int, int]:
        """Count answers of the right form, and right answers."""
        self.model.eval()
        form = right = 0
        for first in range(0, len(problems), AT_ONCE):
            some = problems[first : first + AT_ONCE]
            prompts = [self.reader.prompt(problem) for problem in some]
            rolled = self.reader.answer(prompts, 1, 0, 0.0)
            for row, problem in enumerate(some):
                ids = rolled.answer(row)
                text = self.reader.text(ids)
                ended = ids[-1] in self.tok.ends
                form += bool(ended and FORM.fullmatch(text))
                right += text == problem.answer
        self.model.train()
        return form, right

    def dialogues(self) -> list[Dialogue]:
        """Give the sums to learn from with their answers."""
        return [ask(p.prompt, p.answer) for p in self.learn]

    def supervised(self, batch: int, seed: int) -> Dialogues:
        """Give batches of dialogues, one to a row."""
        examples = encode(self.tok, self.dialogues())
        length = max(len(example.ids) for example in examples)
        packed = pack(examples, length, self.tok.special("<|pad|>"))
        return Dialogues(packed, batch, seed)


def settings(lr: float, batch: int, **more: Any) -> TuningConfig:
    """Give a training with a rate that only warms up."""
    return TuningConfig(
        optimizer="adamw", lr=lr, batch=batch, precision="fp32",
        decay=0.33, warmup=0.0, compile="off", spike=0.0, **more,
    )


def first_lessons(room: Room) -> dict[str, Any]:
    """Teach the form, and stop before the sums are known."""
    # Measure every few steps on some of the sums for testing
    given = room.given
    trainer = Trainer(
        room.model, next_token_loss,
        settings(given.sft_lr, given.sft_batch), 1_000_000,
    )
    batches = room.supervised(given.sft_batch, given.seed)
    began, count = time.perf_counter(), len(room.test)
    kept: dict[str, Any] = {}
    weights: dict[str, torch.Tensor] = {}
    for step in range(1, 100_000):
        trainer.progress.step = step
        trainer.update(batches(step - 1))
        if step % given.look:
            continue
        form, right = room.score(room.test)
        print(step, form / count, right / count,
              round(time.perf_counter() - began, 1),
              file=sys.stderr, flush=True)
        if right / count >= given.most_right:
            break
        if form / count >= 0.95:
            kept = {"steps": step, "form": form, "right": right}
            weights = {
                name: tensor.clone()
                for name, tensor in room.model.state_dict().items()
            }
    if not kept:
        raise SystemExit("no state had the form and under 20% right")
    room.model.load_state_dict(weights)
    spent = round(time.perf_counter() - began, 1)
    return {**kept, "of": count, "seconds": spent}


def train(
    room: Room, trainer: Trainer, batches: Batches, name: str
) -> dict[str, Any]:
    """Train for some minutes; tell the score every half of one."""
    given, spent, step, tokens = room.given, 0.0, 0, 0
    most, told = given.minutes * 60, 0.0
    while spent < most:
        before = time.perf_counter()
        # The rate falls over the last third of the time
        trainer.progress.step = step
        whole = step * most / max(spent, 1.0)
        trainer.steps = max(step + 1, math.ceil(whole))
        batch = batches(step)
        trainer.update(batch)
        tokens += int((batch["targets"] >= 0).sum())
        step += 1
        spent += time.perf_counter() - before
        if spent >= told:
            told += given.tell
            _, right = room.score(room.test)
            line = {"training": name, "seconds": round(spent),
                    "steps": step, "right": right / len(room.test)}
            if isinstance(batches, Practice):
                line["practice"] = batches.notes()
            print(json.dumps(line), file=sys.stderr, flush=True)
        elif isinstance(batches, Practice):
            batches.notes()
    form, right = room.score(room.test)
    return {"training": name, "steps": step, "seconds": round(spent),
            "answer_tokens_per_second": round(tokens / spent),
            "form": form, "of": len(room.test), **share(right, room)}


def share(right: int, room: Room) -> dict[str, Any]:
    """Give a count of right answers as a share with its interval."""
    found = wilson(right, len(room.test))
    return {"right": right, "share": round(found.value, 4),
            "low": round(found.low, 4), "high": round(found.high, 4)}


def main() -> None:
    """Teach the form, then let both trainings begin from there."""
    words = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for name, default in DEFAULTS.items():
        words.add_argument(
            f"--{name.replace('_', '-')}", type=type(default),
            default=default,
        )
    given = words.parse_args()
    use_threads(given.threads)
    torch.manual_seed(given.seed)
    room = Room(given)
    numbers = sum(w.numel() for w in room.model.parameters())
    begun = first_lessons(room)
    print(json.dumps({**vars(given), "parameters": numbers,
                      "learn": len(room.learn),
                      "test": len(room.test)}), flush=True)
    print(json.dumps({"training": "start", **begun,
                      **share(begun["right"], room)}), flush=True)
    start = {name: tensor.clone()
             for name, tensor in room.model.state_dict().items()}

    # Learn from verdicts
    config = settings(given.lr, given.batch)
    judge = Judge(room.reasoning.rewards, 5.0)
    with tempfile.TemporaryDirectory() as place:
        practice = Practice(
            room.reader, room.learn, config, judge, given.seed,
            Path(place) / "answers", None,
        )
        trainer = Trainer(room.model, practice.loss, config, 1)
        done = train(room, trainer, practice, "GRPO")
        shutil.rmtree(Path(place) / "answers", ignore_errors=True)
    print(json.dumps(done), flush=True)

    # Learn from answers
    if given.beside:
        room.model.load_state_dict(start)
        config = settings(given.sft_lr, given.sft_batch)
        trainer = Trainer(room.model, next_token_loss, config, 1)
        batches = room.supervised(given.sft_batch, given.seed + 1)
        done = train(room, trainer, batches, "SFT")
        print(json.dumps(done), flush=True)


DEFAULTS: dict[str, Any] = {
    "minutes": 20.0,
    "threads": 1,
    "seed": 1,
    "form": "llama",
    "layers": 2,
    "width": 128,
    "heads": 4,
    "sft_lr": 1e-3,
    "sft_batch": 64,
    "look": 25,
    "most_right": 0.2,
    "lr": 3e-4,
    "batch": 512,
    "group": 16,
    "variant": "group",
    "updates": 1,
    "tell": 30.0,
    "beside": 1,
}

if __name__ == "__main__":
    main()
