"""Practice: a model answers problems, and learns from the verdicts."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import torch
from jaxtyping import Float
from safetensors.torch import load_file
from torch import Tensor

from hornbook.base.dialogue import Dialogue, Message
from hornbook.base.store import atomic_folder, remove_folder
from hornbook.inference.rollouts import Rollouts, roll_out
from hornbook.model.exchange import save_tensors
from hornbook.model.piecewise import compared
from hornbook.model.transformer import Transformer
from hornbook.tokenizer.chat import gap_of, render
from hornbook.tokenizer.tokenizer import Tokenizer
from hornbook.training import checkpoint
from hornbook.training.batches import Batch, Order
from hornbook.training.loss import IGNORE
from hornbook.training.precision import autocast, number_format
from hornbook.training.tensors import copied
from hornbook.tuning.config import TuningConfig
from hornbook.tuning.judge import Judge, Verdict
from hornbook.tuning.policy import (
    PolicyLoss,
    advantages,
    log_chances,
    shares,
)
from hornbook.tuning.problems import Problem
from hornbook.tuning.reasoning import ReasoningConfig

FILE = "answers.safetensors"


class Reader(msgspec.Struct, frozen=True):
    """Puts problems to a model, and reads what it answers."""

    model: Transformer
    tok: Tokenizer
    config: ReasoningConfig
    precision: str

    def prompt(self, problem: Problem) -> list[int]:
        """Give a problem's ids, up to where the answer begins."""
        asked = Dialogue((Message("user", problem.prompt),))
        return render(self.tok, asked, add_prompt=True)[0]

    def fits(self, problem: Problem) -> bool:
        """Tell whether prompt and answer fit into the context."""
        room = self.model.config.context - self.config.max_tokens
        return len(self.prompt(problem)) <= room

    def answer(
        self,
        prompts: Sequence[Sequence[int]],
        each: int,
        seed: int,
        temperature: float,
    ) -> Rollouts:
        """Let the model answer, in the numbers that it learns in."""
        place = self.model.token_emb.weight.device
        with autocast(number_format(self.precision), place):
            return roll_out(
                self.model,
                prompts,
                each,
                self.tok.ends,
                self.config.max_tokens,
                temperature,
                seed,
            )

    def text(self, ids: Sequence[int]) -> str:
        """Give an answer's text, without its end and its gap."""
        said = [id_ for id_ in ids if id_ not in self.tok.ends]
        return self.tok.decode(said).removeprefix(gap_of(self.tok))


class Practice:
    """Batches of the model's own answers, as it is at that step.

    The batch of a step depends on the seed, the step and the weights,
    so that a training that goes on gives the same answers again. Where
    several ``updates`` learn from the same answers, these lie in
    ``folder`` until no checkpoint needs them.
    """

    def __init__(
        self,
        reader: Reader,
        problems: Sequence[Problem],
        config: TuningConfig,
        judge: Judge,
        seed: int,
        folder: Path,
        reference: Transformer | None,
    ) -> None:
        self.reader, self.problems = reader, problems
        self.reasoning, self.judge = reader.config, judge
        self.seed, self.folder = seed, folder
        self.reference = reference
        self.asked = config.batch // self.reasoning.group
        self.rows = config.rows
        self.order = Order(len(problems), seed)
        self.loss = PolicyLoss(self.reasoning)
        self.told: dict[str, Any] = {}
        self.round, self.batch = -1, Batch()

    def __call__(self, step: int) -> Batch:
        """Give answers with what they are worth."""
        round_, again = divmod(step, self.reasoning.updates)
        if round_ == self.round:
            return self.batch
        place = self.folder / f"round-{round_:07}"
        if again:
            self.batch = load_file(place / FILE)
        else:
            self.batch = self.collect(round_)
            self.keep(place, step)
        self.round = round_
        return self.batch

    def collect(self, round_: int) -> Batch:
        """Let the model answer, judge it, and lay out the batch."""
        # Ask some problems, each several times
        config = self.reasoning
        chosen = self.order.batch(round_, self.asked)
        problems = [self.problems[row] for row in chosen]
        prompts = [self.reader.prompt(problem) for problem in problems]
        seed = self.seed * 1_000_003 + round_
        rolled = self.reader.answer(
            prompts, config.group, seed, config.temperature
        )

        # Judge the answers
        each = range(config.group)
        rows = range(len(rolled.ids))
        said = [rolled.answer(row) for row in rows]
        verdicts = self.judge.judge(
            [problem for problem in problems for _ in each],
            [self.reader.text(ids) for ids in said],
        )
        values = torch.tensor([v.value for v in verdicts]).double()
        rewards = values.view(-1, config.group)
        self.told = self.describe(verdicts, rewards, said)

        # Say what each is worth, and what it is compared with
        worth = advantages(rewards, config.variant).flatten().float()
        share = shares(
            rolled.lengths, config.max_tokens, config.variant
        )
        asked = [prompt for prompt in prompts for _ in each]
        batch = {**lay_out(asked, said), "worth": worth, "share": share}
        return {**batch, **self.compared(batch)}

    def compared(self, batch: Batch) -> Batch:
        """Give the log-chances that later ones are compared with."""
        models: dict[str, Transformer] = {}
        if self.reasoning.updates > 1:
            models["old"] = self.reader.model
        if self.reference is not None:
            models["reference"] = self.reference
        return {
            name: self.chances(model, batch)
            for name, model in models.items()
        }

    @torch.no_grad()
    def chances(
        self, model: Transformer, batch: Batch
    ) -> Float[Tensor, "batch time"]:
        """Give the log-chance that a model gives every token."""
        place = model.token_emb.weight.device
        heat, found = self.reasoning.temperature, []
        rows = self.rows or len(batch["ids"])
        dtype = number_format(self.reader.precision)
        with compared(), autocast(dtype, place):
            for ids, targets in zip(
                batch["ids"].split(rows),
                batch["targets"].split(rows),
                strict=True,
            ):
                part, _ = log_chances(
                    model, ids.to(place), targets.to(place), heat
                )
                found.append(part.cpu())
        return torch.cat(found)

    def describe(
        self,
        verdicts: Sequence[Verdict],
        rewards: Float[Tensor, "problems answers"],
        said: Sequence[Sequence[int]],
    ) -> dict[str, Any]:
        """Say how the answers of a round were."""
        count = len(verdicts)
        kinds = {
            f"reward_{kind}": sum(
                verdict.rewards[kind].value for verdict in verdicts
            )
            / count
            for kind in self.judge.weights
        }
        equal = rewards.amax(1) == rewards.amin(1)
        ends = self.reader.tok.ends
        faults, self.judge.fresh = dict(self.judge.fresh), Counter()
        return {
            "reward": float(rewards.mean()),
            **kinds,
            "right": sum(v.right for v in verdicts) / count,
            "no_signal": float(equal.double().mean()),
            "length": sum(map(len, said)) / count,
            "ended": sum(ids[-1] in ends for ids in said) / count,
            **({"faults": faults} if faults else {}),
        }

    def notes(self) -> dict[str, Any]:
        """Give what the log says of a step beside its loss."""
        told, self.told = self.told, {}
        return {**told, **self.loss.told()}

    def keep(self, place: Path, step: int) -> None:
        """Lay a round aside, and drop those that nobody can need."""
        if self.reasoning.updates == 1:
            return
        with atomic_folder(place) as fresh:
            save_tensors(copied(self.batch), fresh / FILE)
        points = checkpoint.found(
            self.folder.with_suffix(".checkpoints")
        )
        steps = [int(p.name.removeprefix("step-")) for p in points]
        oldest = min(steps, default=0) // self.reasoning.updates
        for other in sorted(self.folder.glob("round-*")):
            if int(other.name.removeprefix("round-")) < oldest:
                remove_folder(other)

    def end(self) -> None:
        """Remove what was laid aside."""
        if self.folder.exists():
            remove_folder(self.folder)


def lay_out(
    prompts: Sequence[Sequence[int]], answers: Sequence[Sequence[int]]
) -> Batch:
    """Lay prompts and answers into one table, flush left.

    The answers' tokens are the targets; filling behind is not seen.
    """
    longest = max(
        len(p) + len(a) for p, a in zip(prompts, answers, strict=True)
    )
    ids = torch.zeros(len(prompts), longest, dtype=torch.long)
    targets = torch.full_like(ids, IGNORE)
    for row, (prompt, answer) in enumerate(
        zip(prompts, answers, strict=True)
    ):
        whole = torch.tensor([*prompt, *answer])
        ids[row, : len(whole)] = whole
        learnt = slice(len(prompt) - 1, len(whole) - 1)
        targets[row, learnt] = whole[len(prompt) :]
    return {"ids": ids[:, :-1], "targets": targets[:, :-1]}
