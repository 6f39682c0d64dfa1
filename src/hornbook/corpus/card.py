"""The corpus's card: what came in, what stayed, what went and why."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from hornbook.base.store import digest_json, size
from hornbook.corpus.config import CorpusConfig
from hornbook.corpus.findings import Findings
from hornbook.corpus.meanings import meaning_of
from hornbook.corpus.origin import SourceConfig
from hornbook.corpus.sources import describe_kinds, source_name
from hornbook.corpus.tally import Tally

SHOWN_PROBLEMS = 10
STEPS = {
    "language": "text in wanted languages",
    "rules": "text that passes the rules",
    "learnt": "text like the good examples",
    "contaminated": "text without benchmarks",
    "exact_duplicate": "no text twice",
    "near_duplicate": "no text nearly twice",
    "common": "no page without a word of its own",
    "heldout": "nothing that gives held-out text away",
    "mixture": "as much of each as is wanted",
}
"""The steps in their order, and what stays after each."""
STEP_OF = {
    "language": "language",
    "perplexity": "learnt",
    "quality": "learnt",
    "contaminated": "contaminated",
    "exact_duplicate": "exact_duplicate",
    "near_duplicate": "near_duplicate",
    "common_paragraphs": "common",
    "common_lines": "common",
    "heldout_title": "heldout",
    "heldout_overlap": "heldout",
    "mixture": "mixture",
}
"""The step of what is no rule of a text by itself."""


def make_card(
    tally: Tally,
    config: CorpusConfig,
    findings: Findings,
    digests: Sequence[str],
    warning: str,
) -> dict[str, Any]:
    """Count everything that the card tells."""
    train, heldout = tally.sides["train"], tally.sides["heldout"]
    return {
        "documents": {
            "in": tally.documents,
            "kept": tally.kept,
            "dropped": dict(sorted(tally.rules.items())),
            "train": train["documents"],
            "heldout": heldout["documents"],
        },
        "bytes": {
            **{side: n["bytes"] for side, n in tally.sides.items()},
            "dropped": dict(sorted(tally.lost_bytes.items())),
        },
        "characters": {
            side: n["characters"] for side, n in tally.sides.items()
        },
        "steps": funnel(tally),
        "digest": digest_json(list(digests)),
        "sources": [
            _about_source(source, tally, findings)
            for source in config.source
        ],
        "topics": dict(sorted(tally.topics.items())),
        "languages": dict(tally.languages.most_common()),
        "licences": dict(tally.licences.most_common()),
        "clusters": {
            str(size): count
            for size, count in findings.clusters.items()
        },
        "private": dict(sorted(tally.private.items())),
        "cuts": dict(sorted(tally.cuts.items())),
        "contamination": findings.contamination,
        "passed_over": _passed_over(tally),
        "samples": tally.samples(),
        "parameters": _parameters(config),
        "warnings": [warning] if warning else [],
    }


def funnel(tally: Tally) -> list[dict[str, Any]]:
    """Count what was left after each step, from all to what is kept.

    Units: ``bytes`` of cleaned text.
    """
    documents = tally.documents
    bytes_ = sum(tally.lost_bytes.values())
    bytes_ += sum(side["bytes"] for side in tally.sides.values())
    steps = [{"step": "read", "documents": documents, "bytes": bytes_}]
    for step in STEPS:
        for rule, count in tally.rules.items():
            if STEP_OF.get(rule, "rules") == step:
                documents -= count
                bytes_ -= tally.lost_bytes[rule]
        steps.append(
            {"step": step, "documents": documents, "bytes": bytes_}
        )
    return steps


def _passed_over(tally: Tally) -> dict[str, Any]:
    """Name what should have been read, and count other kinds."""
    return {
        "count": sum(tally.reasons.values()),
        "reasons": dict(sorted(tally.reasons.items())),
        "kinds": dict(sorted(tally.foreign.items())),
        "listed": [
            {"source": source, "path": path, "reason": reason}
            for source, path, reason in tally.problems
        ],
    }


def _about_source(
    source: SourceConfig, tally: Tally, findings: Findings
) -> dict[str, Any]:
    """Count one source and say where it is from."""
    name = source_name(source)
    counts = tally.sources.get(name, Counter())
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
        "epochs": findings.epochs[name],
        **{count: counts.get(count, 0) for count in COUNTS},
    }


COUNTS = ("in", "kept", "heldout", "characters", "bytes")


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

    # Tell what it is, and what was masked or cut out of it
    lines += ["", "## What it is", "", *_nature(card)]

    # Tell what went, and show some of it
    lines += ["", "## What was dropped, and why", ""]
    for rule, count in documents["dropped"].items():
        meaning = meaning_of(rule)
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


def _nature(card: dict[str, Any]) -> Iterator[str]:
    """Tell languages, licences, clusters, and what was taken out."""
    for name, counts in (
        ("Languages", card["languages"]),
        ("Licences", card["licences"]),
    ):
        told = (
            f"{what or 'not stated'} {count:,}"
            for what, count in counts.items()
        )
        yield f"- {name}: {', '.join(told)}."
    sizes = {int(n): count for n, count in card["clusters"].items()}
    if sizes:
        many = sum(size * count for size, count in sizes.items())
        yield (
            f"- Near-copies: {many:,} documents in "
            f"{sum(sizes.values()):,} clusters, the largest of "
            f"{max(sizes):,}; one of each stayed."
        )
    for name, counts in (
        ("Personal data masked", card["private"]),
        ("Lines cut out", card["cuts"]),
    ):
        told = (f"{what} {n:,}" for what, n in counts.items())
        if counts:
            yield f"- {name}: {', '.join(told)}."
    short = card["contamination"].get("too_short", {})
    for task, count in short.items():
        yield f"- {count:,} items of {task} are too short to find."


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
