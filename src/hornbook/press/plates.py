"""What the chapters measure and show beside their printed code."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hornbook.base.errors import DataError
from hornbook.evaluation.score import number, span, title_of, with_unit

if TYPE_CHECKING:
    from hornbook.press.run_folder import Run
    from hornbook.tokenizer.tokenizer import Tokenizer


@dataclass(frozen=True)
class Node:
    """A token of a merge tree: two older tokens, or a byte."""

    token: bytes
    rank: int
    """The merge that made it, counted from 1; 0 for a byte."""
    parts: tuple["Node", ...] = ()

    @property
    def height(self) -> int:
        """How many merges lie on the longest way down."""
        return 1 + max((p.height for p in self.parts), default=-1)


def merge_tree(tok: "Tokenizer", word: str) -> Node:
    """Grow the tree of a word that is one token.

    Raises:
        DataError: the word is several tokens, or there are no merges.
    """
    from hornbook.tokenizer.measure import merges_of

    nodes = [Node(bytes((byte,)), 0) for byte in word.encode("utf-8")]
    for step in merges_of(tok, word):
        both = nodes[step.at : step.at + 2]
        spelling = step.left + step.right
        joined = Node(spelling, step.rank + 1, tuple(both))
        nodes[step.at : step.at + 2] = [joined]
    if len(nodes) != 1:
        raise DataError(
            f"{word!r} is {len(nodes)} tokens; choose a word that is "
            "one"
        )
    return nodes[0]


def tallest(
    pieces: Iterable[str], tok: "Tokenizer", most: int = 11
) -> str:
    """Choose a word that is one token, long but at most ``most``.

    The longest wins, and of equally long ones the one learned last;
    where no word is one token the choice is empty.
    """
    tokens = tok.vocabulary.tokens
    words = {
        piece
        for piece in pieces
        if piece.startswith(" ")
        and piece[1:].isalpha()
        and piece.isascii()
        and len(piece) <= most
        and piece.encode("utf-8") in tokens
        and len(tok.encode(piece)) == 1
    }
    return max(
        words,
        key=lambda word: (len(word), tokens[word.encode("utf-8")]),
        default="",
    )


def falling(counts: Iterable[int]) -> np.ndarray:
    """Sort counts so that the most frequent comes first; drop zeros."""
    array = np.sort(np.fromiter(counts, dtype=np.int64))[::-1]
    return array[array > 0]


def zipf_slope(counts: np.ndarray, first: int, last: int) -> float:
    """Fit the exponent s of ``count = C / rank ** s`` between ranks.

    Ordinary least squares on logarithms, at ranks spaced evenly on a
    logarithmic scale, so that the tail does not outvote the head.

    Source: zipf1949.
    """
    last = min(last, len(counts))
    ranks = np.unique(np.geomspace(first, last, 40).astype(int))
    heights = np.log(counts[ranks - 1])
    slope, _ = np.polyfit(np.log(ranks), heights, 1)
    return float(-slope)


def long_word(run: "Run") -> tuple[str, Node]:
    """Find a held-out text's longest one-token word, and its tree."""
    from hornbook.tokenizer.split import Splitter
    from hornbook.tokenizer.tokenizer import Tokenizer

    # Look for it where the tokenizer has never been
    tok = Tokenizer.load(run.path("tokenizer"))
    cut = Splitter(tok.vocabulary.pattern)
    texts = [d.text for d in run.documents("heldout", limit=400)]
    pieces = {piece for text in texts for piece in cut(text)}
    word = tallest(pieces, tok)
    return word, merge_tree(tok, word) if word else Node(b"", 0)


def duration(seconds: float) -> str:
    """Write a time as a reader would say it.

    >>> duration(1), duration(754), duration(9000)
    ('1 second', '12.6 minutes', '2.5 hours')
    """
    if seconds < 90:
        whole = round(seconds)
        return f"{whole} second{'s' * (whole != 1)}"
    if seconds < 5400:
        return f"{seconds / 60:.1f} minutes"
    return f"{seconds / 3600:.1f} hours"


def run_facts(run: "Run") -> dict[str, Any]:
    """Gather the run in short, from its own records alone.

    What the run did not measure is left out; ``rows`` are those of
    the opening's table.
    """
    from hornbook.evaluation.domain import packed_bits

    documents, size = run.card["documents"], run.card["bytes"]
    machine, config = run.record.machine, run.model
    heads = f"{config.heads} heads of {config.head_dim}"

    # Say what went in and what was built
    rows = [
        ["Text", f"{documents['train']:,} documents, "
                 f"{size['train'] / 1e6:.2f} million bytes"],
        ["Held out", f"{documents['heldout']:,} documents, "
                     f"{size['heldout'] / 1e6:.2f} million bytes"],
        ["Vocabulary", f"{config.vocab_size:,} tokens"],
        ["Model", f"{config.layers} layer{'s' * (config.layers != 1)} "
                  f"of width {config.width}, {heads}"],
        ["Weights", f"{run.parameters['total']:,}"],
    ]

    # Say how it was trained, and what text costs in bits
    lines = run.lines("metrics.jsonl")
    facts: dict[str, Any] = {"rows": rows, "scores": scores(run)}
    rows += training_rows(lines)
    rows += heldout_row(run)
    scored = [r["heldout_bpb"] for r in lines if "heldout_bpb" in r]
    told = facts["scores"].get("bits_per_byte", {}).get("value")
    if scored or told is not None:
        facts["heldout_bpb"] = scored[-1] if told is None else told
        facts["lzma_bpb"] = packed_bits(run.documents("heldout"))

    # Say what it cost
    if run.record.stages:
        rows.append(["Time", cost(run)])
    cores = "core" if machine.cores == 1 else "cores"
    rows.append(["Machine", f"{machine.cores} {cores}, "
                            f"{machine.memory_bytes / 2**30:.0f} GiB"])
    return facts


def cost(run: "Run") -> str:
    """Say how long all stages took, and how long pretraining did."""
    stages = run.record.stages
    whole = duration(sum(stage.seconds for stage in stages.values()))
    if "pretrain" not in stages or len(stages) == 1:
        return whole
    trained = duration(stages["pretrain"].seconds)
    return f"{whole}, {trained} of it pretraining"


def training_rows(lines: Iterable[dict[str, Any]]) -> list[list[str]]:
    """Say how far training went, in tokens and in loss."""
    trained = [r for r in lines if "loss" in r and "tokens" in r]
    if not trained:
        return []
    first, last = trained[0], trained[-1]
    return [
        ["Training", f"{last['tokens']:,} tokens in {last['step']:,} "
                     "steps"],
        ["Training loss", f"from {first['loss']:.2f} at the first step "
                          f"to {last['loss']:.2f} at the last, in nats "
                          "per token"],
    ]


def heldout_row(run: "Run") -> list[list[str]]:
    """Say what all held-out text costs when pretraining has ended."""
    stage = run.record.stages.get("pretrain")
    if stage is None or "heldout_loss" not in stage.result:
        return []
    loss = stage.result["heldout_loss"]
    return [
        ["Held-out loss", f"{loss:.2f} nats per token of all that was "
                          "held out"],
    ]


def scores(run: "Run") -> dict[str, dict[str, Any]]:
    """Give the scores of the run's report that have an interval."""
    if not run.has("evaluation/report.json"):
        return {}
    tasks = run.json("evaluation/report.json").get("tasks", {})
    wanted = {"value", "low", "high"}
    return {k: t for k, t in tasks.items() if wanted <= t.keys()}


def score_rows(
    told: Mapping[str, Mapping[str, Any]],
) -> list[list[str]]:
    """Lay out scores that have something to be set beside."""
    return [
        [title_of(name, task), with_unit(task["value"], task["unit"]),
         span(task["low"], task["high"], task["unit"]),
         f"{number(task['baseline'], task['unit'])}, "
         f"{task['baseline_is']}"]
        for name, task in told.items()
        if task.get("baseline") is not None
    ]


def clear_of_baseline(task: Mapping[str, Any]) -> bool:
    """Whether all of a score's interval is better than its baseline."""
    if task.get("better") == "lower":
        return bool(task["high"] < task["baseline"])
    return bool(task["low"] > task["baseline"])
