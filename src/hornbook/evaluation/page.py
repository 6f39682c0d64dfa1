"""The report for readers: as a page, and as plain Markdown."""

from importlib import resources
from typing import Any

import msgspec

from hornbook.evaluation.chart import Line, line_chart, whisker
from hornbook.evaluation.facts import (
    CAUTION,
    is_number,
    model_facts,
    source_facts,
    text_facts,
    training_facts,
)
from hornbook.evaluation.material import Material
from hornbook.evaluation.score import Score, number, span, title_of

GLANCE = (
    "bits_per_byte",
    "minimal_pairs",
    "topic_accuracy",
    "answers_form",
)
"""The scores that are shown large, where they were measured."""


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
    table = rows(report)
    cards = {
        "The text": text_facts(material),
        "The model": model_facts(material),
        "The training": training_facts(material),
    }
    page = template.render(
        report=report,
        caution=CAUTION,
        rows=table,
        glance=[row for row in table if row["name"] in GLANCE],
        charts=charts(material),
        samples=samples(material),
        sources=source_facts(material),
        cards={name: facts for name, facts in cards.items() if facts},
    )
    return page.rstrip() + "\n"


def rows(report: dict[str, Any]) -> list[dict[str, Any]]:
    """Write each score's numbers as a table shows them."""
    table = []
    for name, fields in report["tasks"].items():
        score = msgspec.convert(fields, Score)
        unit = score.unit
        share = unit == "share"
        better = score.difference
        table.append(
            {
                "name": name,
                "title": title_of(name, fields),
                "what": score.what,
                "model": score.model,
                "value": number(score.value, unit),
                "unit": "" if share else unit,
                "interval": span(score.low, score.high, unit),
                "n": f"{score.n:,}",
                "baseline": number(score.baseline, unit),
                "baseline_is": score.baseline_is,
                "better": score.better,
                "difference": f"{number(better.value, unit)} "
                f"({span(better.low, better.high, unit)})"
                if better
                else "",
                "also": "; ".join(
                    f"{what}: {number(value, unit)}"
                    for what, value in score.also.items()
                ),
                "whisker": whisker(score, score.baseline, share),
                "parts": parts(score),
            }
        )
    return table


def parts(score: Score) -> list[dict[str, str]]:
    """Write the scores of groups of items as a table shows them."""
    return [
        {
            "title": name,
            "value": number(part.value, score.unit),
            "interval": span(part.low, part.high, score.unit),
            "n": f"{part.n:,}",
            "whisker": whisker(
                part, score.baseline, score.unit == "share"
            ),
        }
        for name, part in score.parts.items()
    ]


def charts(material: Material) -> list[dict[str, str]]:
    """Draw how loss and held-out bits per byte went down."""
    losses = [
        Line(logged(material, "loss"), "training"),
        Line(logged(material, "heldout_loss"), "held-out", dots=True),
    ]
    bits = [Line(logged(material, "heldout_bpb"), dots=True)]
    drawn = []
    for title, lines in (
        ("Loss, nats per token", losses),
        ("Held-out text, bits per byte", bits),
    ):
        svg = line_chart(lines, "step", title)
        if svg:
            drawn.append({"title": title, "svg": svg})
    return drawn


def logged(material: Material, key: str) -> list[tuple[float, float]]:
    """Take one number of the training's log, step by step."""
    return [
        (float(line["step"]), float(line[key]))
        for line in material.metrics
        if is_number(line.get("step")) and is_number(line.get(key))
    ]


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
