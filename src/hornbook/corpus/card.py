"""The corpus's card: what came in, what stayed, what went and why."""

import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec

from hornbook.base.store import digest_json, size
from hornbook.corpus.config import CorpusConfig
from hornbook.corpus.outcome import Outcome, text_bytes
from hornbook.corpus.sources import describe_kinds

SAMPLES = 3
SAMPLE_CHARACTERS = 240
LISTED_PROBLEMS = 10_000
"""More can only be records: a file may be broken in every line."""
SHOWN_PROBLEMS = 10
DROPPED = {
    "exact_duplicate": "the same text stands in an earlier document",
    "near_duplicate": "an earlier document says nearly the same",
    "heldout_title": "titled like a held-out document elsewhere",
    "heldout_overlap": "shares phrases with a held-out document",
    "too_short": "too short to learn from",
    "few_letters": "too few letters among its characters",
    "undecodable": "characters were lost in decoding",
    "symbol_heavy": "code or mark-up rather than prose",
    "repeated_lines": "says the same lines again and again",
    "repeated_phrases": "says the same phrases again and again",
    "placeholder": "an error page or a filler",
}


def make_card(
    outcome: Outcome, config: CorpusConfig, seed: int, warning: str
) -> dict[str, Any]:
    """Count everything that the card tells."""
    train, heldout = outcome.side(False), outcome.side(True)
    rules = Counter(drop.rule for drop in outcome.dropped.values())
    topics = Counter(about.topic for about in train if about.topic)
    return {
        "documents": {
            "in": len(outcome.documents),
            "kept": len(train) + len(heldout),
            "dropped": dict(sorted(rules.items())),
            "train": len(train),
            "heldout": len(heldout),
        },
        "bytes": {
            "train": sum(map(text_bytes, train)),
            "heldout": sum(map(text_bytes, heldout)),
            "dropped": _lost_bytes(outcome),
        },
        "characters": {
            "train": sum(len(about.full_text) for about in train),
            "heldout": sum(len(about.full_text) for about in heldout),
        },
        "digest": digest_json(
            [[about.id for about in side] for side in (train, heldout)]
        ),
        "sources": [
            _about_source(number, outcome, config)
            for number in range(len(config.source))
        ],
        "topics": dict(sorted(topics.items())),
        "passed_over": _passed_over(outcome),
        "samples": _samples(outcome, seed),
        "parameters": _parameters(config),
        "warnings": [warning] if warning else [],
    }


def _lost_bytes(outcome: Outcome) -> dict[str, int]:
    """Count the bytes of text that each rule dropped."""
    lost: Counter[str] = Counter()
    for row, drop in outcome.dropped.items():
        lost[drop.rule] += text_bytes(outcome.documents[row])
    return dict(sorted(lost.items()))


def _passed_over(outcome: Outcome) -> dict[str, Any]:
    """Name what should have been read, and count other kinds."""
    reasons = Counter(problem[2] for problem in outcome.problems)
    listed = outcome.problems[:LISTED_PROBLEMS]
    return {
        "count": len(outcome.problems),
        "reasons": dict(sorted(reasons.items())),
        "kinds": dict(sorted(outcome.foreign.items())),
        "listed": [
            {"source": source, "path": path, "reason": reason}
            for source, path, reason in listed
        ],
    }


def _about_source(
    number: int, outcome: Outcome, config: CorpusConfig
) -> dict[str, Any]:
    """Count one source and say where it is from."""
    source, name = config.source[number], outcome.sources[number]
    rows = {
        row
        for row, about in outcome.documents.items()
        if about.source == name
    }
    kept = rows - outcome.dropped.keys()
    texts = [outcome.documents[row].full_text for row in kept]
    return {
        "name": name,
        "kind": source.kind,
        "package": source.package,
        "version": source.version,
        "member": source.member,
        "sha256": source.sha256,
        "licence": source.licence,
        "credit": source.credit,
        "language": source.language,
        "in": len(rows),
        "kept": len(kept),
        "heldout": len(kept & outcome.heldout),
        "characters": sum(map(len, texts)),
        "bytes": sum(len(text.encode("utf-8")) for text in texts),
    }


def _samples(outcome: Outcome, seed: int) -> dict[str, Any]:
    """Choose a few documents for each rule, and a few that stayed."""
    groups: dict[str, list[int]] = {"kept": outcome.kept()}
    for row, drop in outcome.dropped.items():
        groups.setdefault(drop.rule, []).append(row)
    chance = random.Random(seed)
    samples = {}
    for rule, rows in sorted(groups.items()):
        chosen = chance.sample(sorted(rows), min(SAMPLES, len(rows)))
        samples[rule] = [_sample(outcome, row) for row in chosen]
    return samples


def _sample(outcome: Outcome, row: int) -> dict[str, str]:
    """Show the beginning of one document and what was found."""
    about = outcome.documents[row]
    drop = outcome.dropped.get(row)
    return {
        "id": about.id,
        "title": about.title,
        "source": about.source,
        "text": about.text[:SAMPLE_CHARACTERS],
        "finding": drop.finding if drop else "",
    }


def _parameters(config: CorpusConfig) -> dict[str, Any]:
    """Give the recipe's limits, less the sources and their paths."""
    tables: dict[str, Any] = msgspec.to_builtins(config)
    del tables["source"]
    return tables


def card_text(card: dict[str, Any]) -> str:
    """Write the card as a page for people, in Markdown."""
    documents, lines = card["documents"], ["# The text of this run", ""]

    # Tell what came in and what stayed
    lines += [
        f"{documents['in']:,} documents came in and "
        f"{documents['kept']:,} stayed: "
        f"{documents['train']:,} to learn from "
        f"({size(card['bytes']['train'])}) and "
        f"{documents['heldout']:,} held out "
        f"({size(card['bytes']['heldout'])}).",
        "",
        *card["warnings"],
        "",
        "## Sources",
        "",
    ]
    for source in card["sources"]:
        lines.append(_source_line(source))

    # Tell what went, and show some of it
    lines += ["", "## What was dropped, and why", ""]
    for rule, count in documents["dropped"].items():
        meaning = DROPPED.get(rule, "a rule of this recipe's own")
        lost = size(card["bytes"]["dropped"][rule])
        lines += [f"- **{rule}**, {count:,} ({lost}): {meaning}."]
        for sample in card["samples"][rule]:
            what = sample["title"] or sample["text"][:60]
            what = " ".join(what.split())
            lines += [f"  - {what!r}: {sample['finding']}"]
    if not documents["dropped"]:
        lines += ["Nothing."]

    # Tell what could not be read
    lines += ["", "## What could not be read", ""]
    lines += _unread(card["passed_over"])
    return "\n".join(lines) + "\n"


def _unread(passed: dict[str, Any]) -> Iterator[str]:
    """Tell what could not be read, and name the first of it."""
    for reason, count in passed["reasons"].items():
        yield f"- {count:,}: {reason}"
    for item in passed["listed"][:SHOWN_PROBLEMS]:
        yield f"  - {item['path']!r}: {item['reason']}"
    if passed["count"] > SHOWN_PROBLEMS:
        yield "  - ... `card.json` names the others"
    if not passed["count"]:
        yield "Everything could."
    if passed["kinds"]:
        yield f"\nBeside it lie {describe_kinds(passed['kinds'])}."


def _source_line(source: dict[str, Any]) -> str:
    """Tell one source in a sentence."""
    origin = f"{source['package']} {source['version']}".strip()
    return (
        f"- **{source['name']}** ({origin or source['kind']}): "
        f"{source['in']:,} in, {source['kept']:,} kept, "
        f"{source['heldout']:,} held out; "
        f"{source['licence'] or 'licence not stated'}; "
        f"{source['credit'] or 'authors not stated'}."
    )
