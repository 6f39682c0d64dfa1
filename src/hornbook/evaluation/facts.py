"""What a report and a card tell of a run: its text and its models."""

from typing import Any

from hornbook.base.console import clock
from hornbook.base.store import size
from hornbook.evaluation.material import Material

Facts = list[tuple[str, str]]

CAUTION = (
    "What this model says is not reliable. It is a small model that "
    "learnt how its text sounds; names, dates and facts in its answers "
    "are often wrong, also where the sentence is well made."
)
PARTS = (
    ("in", "Documents that came in"),
    ("kept", "Kept"),
    ("train", "Learnt from"),
    ("heldout", "Held out before anything was fitted"),
)


def text_facts(material: Material) -> Facts:
    """Tell how much text there was, and what became of it."""
    counts = material.card.get("documents", {})
    sizes = material.card.get("bytes", {})
    facts = []
    for key, what in PARTS:
        if is_number(counts.get(key)):
            more = ""
            if is_number(sizes.get(key)):
                more = f" ({size(sizes[key])})"
            facts.append((what, f"{counts[key]:,}{more}"))
    for rule, count in counts.get("dropped", {}).items():
        what = f"Dropped: {rule.replace('_', ' ')}"
        facts.append((what, f"{count:,}"))
    return facts


def source_facts(material: Material) -> Facts:
    """Tell where the text is from, and on what terms."""
    facts = []
    for source in material.card.get("sources", []):
        told = (
            source.get("licence") or "licence not stated",
            source.get("credit") or "authors not stated",
            source.get("package"),
        )
        name = str(source.get("name", "?"))
        facts.append((name, "; ".join(filter(None, told))))
    return facts


def model_facts(material: Material) -> Facts:
    """Tell what the base model is; nothing where there is none."""
    if not material.has("checkpoints/base"):
        return []
    from hornbook.model.count import flops_per_token, parameters

    config = material.base.config
    total = parameters(config)["total"]
    return [
        ("Parameters", f"{total:,}"),
        ("Form", config.form),
        ("Layers", f"{config.layers}"),
        ("Width", f"{config.width}"),
        ("Heads", f"{config.heads}"),
        ("Vocabulary", f"{config.vocab_size:,} tokens"),
        ("Context", f"{config.context:,} tokens"),
        (
            "To train on one token",
            f"{flops_per_token(config) / 1e6:.1f} MFLOP",
        ),
    ]


def training_facts(material: Material) -> Facts:
    """Tell how the models were trained; nothing without a record."""
    record = material.record
    if record is None:
        return []
    facts = []
    for name, stage in record.stages.items():
        steps = stage.result.get("steps")
        if is_number(steps):
            tokens = stage.result.get("tokens", 0)
            seconds = stage.result.get("training_seconds", 0.0)
            facts.append(
                (
                    name,
                    f"{steps:,} steps, {tokens:,} tokens, "
                    f"{clock(seconds)}",
                )
            )
    machine = record.machine
    where = machine.accelerator or machine.processor
    return [
        *facts,
        ("Machine", f"{where}, {machine.cores} cores"),
        ("Seed", f"{record.seed}"),
        (
            "Made with",
            ", ".join(f"{k} {v}" for k, v in record.versions.items()),
        ),
    ]


def is_number(value: Any) -> bool:
    """Tell whether a field read from a file holds a number."""
    return isinstance(value, int | float)
