"""The report for readers: as a page, and as plain Markdown."""

from importlib import resources
from typing import Any

import msgspec

from hornbook.evaluation.chart import line_chart, whisker
from hornbook.evaluation.material import Material
from hornbook.evaluation.score import Score, number

CAUTION = (
    "What this model says is not reliable. It is a small model that "
    "learnt how its text sounds; names, dates and facts in its answers "
    "are often wrong, also where the sentence is well made."
)
TITLES = {
    "bits_per_byte": "Bits per byte, held-out text",
    "topic_accuracy": "Topic named rightly",
    "description_choice": "Description chosen rightly",
    "answers_ended": "Answers that end by themselves",
    "answers_form": "Answers of the right form",
    "answers_subject": "Answers that name their subject",
    "answers_distinct": "Answers given only once",
    "answers_topic": "Topic answered rightly",
    "answers_overlap": "Longest overlap with training text",
}
"""What tasks are called in a report."""


def render_page(report: dict[str, Any], material: Material) -> str:
    """Write the report as one HTML page that loads nothing else."""
    import jinja2

    source = resources.files("hornbook.evaluation") / "report.html.j2"
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["thousands"] = lambda value: f"{value:,}"
    template = environment.from_string(
        source.read_text(encoding="utf-8")
    )
    page = template.render(
        report=report,
        caution=CAUTION,
        rows=rows(report),
        charts=charts(material),
        samples=samples(material),
        card=card_facts(material),
        model=model_facts(material),
    )
    return page.rstrip() + "\n"


def rows(report: dict[str, Any]) -> list[dict[str, str]]:
    """Write each score's numbers as a table shows them."""
    table = []
    for name, fields in report["tasks"].items():
        score = msgspec.convert(fields, Score)
        unit = score.unit
        better = score.difference
        table.append(
            {
                "name": name,
                "title": TITLES.get(name, name),
                "what": score.what,
                "value": number(score.value, unit),
                "unit": "" if unit == "share" else unit,
                "interval": f"{number(score.low, unit)} to "
                f"{number(score.high, unit)}",
                "n": f"{score.n:,}",
                "baseline": number(score.baseline, unit),
                "baseline_is": score.baseline_is,
                "better": score.better,
                "difference": f"{number(better.value, unit)} "
                f"({number(better.low, unit)} to "
                f"{number(better.high, unit)})"
                if better
                else "",
                "also": "; ".join(
                    f"{what}: {number(value, unit)}"
                    for what, value in score.also.items()
                ),
                "whisker": whisker(score),
            }
        )
    return table


def charts(material: Material) -> list[dict[str, str]]:
    """Draw how loss and held-out bits per byte went down."""
    kinds = (
        ("loss", "Training loss, nats per token", False),
        ("heldout_bpb", "Held-out text, bits per byte", True),
    )
    drawn = []
    for key, title, dots in kinds:
        points = [
            (float(line["step"]), float(line[key]))
            for line in material.metrics
            if {"step", key} <= line.keys()
            and _is_number(line["step"])
            and _is_number(line[key])
        ]
        svg = line_chart(points, "step", title, dots)
        if svg:
            drawn.append({"title": title, "svg": svg})
    return drawn


def samples(material: Material, most: int = 4) -> list[dict[str, Any]]:
    """Choose samples from first to last, evenly spread."""
    said = [
        {"step": line.get("step", 0), "text": str(line["sample"])}
        for line in material.metrics
        if line.get("sample")
    ]
    if len(said) <= most:
        return said
    last = len(said) - 1
    return [said[last * place // (most - 1)] for place in range(most)]


def card_facts(material: Material) -> list[tuple[str, str]]:
    """Tell where the text is from, in a few lines."""
    card = material.card
    counts = card.get("documents", {})
    sizes = card.get("bytes", {})
    facts = []
    for key, what in (
        ("in", "Documents that came in"),
        ("kept", "Kept"),
        ("train", "Learnt from"),
        ("heldout", "Held out before anything was fitted"),
    ):
        if _is_number(counts.get(key)):
            size = sizes.get(key)
            more = f" ({size / 1e6:.2f} MB)" if _is_number(size) else ""
            facts.append((what, f"{counts[key]:,}{more}"))
    for source in card.get("sources", []):
        licence = source.get("licence") or "licence not stated"
        facts.append(
            (f"Source: {source.get('name', '?')}", str(licence))
        )
    return facts


def model_facts(material: Material) -> list[tuple[str, str]]:
    """Tell what the base model is; nothing where there is none."""
    if not (material.folder / "checkpoints" / "base").exists():
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


def render_markdown(report: dict[str, Any]) -> str:
    """Write the report as Markdown, for a terminal or a repository."""
    lines = [
        f"# Evaluation of {report['run']}",
        "",
        CAUTION,
        "",
        "| score | value | 95% interval | n | baseline |",
        "|---|---|---|---|---|",
    ]
    for row in rows(report):
        baseline = row["baseline"]
        if row["baseline_is"]:
            baseline += f" ({row['baseline_is']})"
        value = f"{row['value']} {row['unit']}".rstrip()
        lines.append(
            f"| {row['title']} | {value} | {row['interval']} "
            f"| {row['n']} | {baseline} |"
        )
    for name, reason in report["skipped"].items():
        lines += ["", f"Not measured: {name}: {reason}."]
    return "\n".join(lines) + "\n"


def _is_number(value: Any) -> bool:
    """Tell whether a field read from a file holds a number."""
    return isinstance(value, int | float)
