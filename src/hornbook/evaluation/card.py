"""The model card: what a model is, for those who are given it.

It has the form that Hugging Face reads: a head in YAML with the
results, then Markdown. All of it comes from the run's own record.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from hornbook.base.store import read_json
from hornbook.evaluation.config import EvaluationConfig
from hornbook.evaluation.facts import (
    CAUTION,
    Facts,
    model_facts,
    source_facts,
    text_facts,
    training_facts,
)
from hornbook.evaluation.material import Material
from hornbook.evaluation.score import Score, number, span
from hornbook.tuning.config import OWN

FILE = "model_card.md"
SCRATCH = ["trained-from-scratch"]
USE = """```python
from transformers import AutoModelForCausalLM, AutoTokenizer

model = AutoModelForCausalLM.from_pretrained("FOLDER")
tokenizer = AutoTokenizer.from_pretrained("FOLDER")
```"""
LIBRARIES = {
    "hf": "transformers",
    "native": "hornbook",
    "gguf": "llama.cpp",
}
LICENCES = {"cc0": "cc0-1.0", "public domain": "other"}
"""How Hugging Face calls licences that are not simply spelt small."""
KNOWN = {
    "apache-2.0", "mit", "cc0-1.0", "cc-by-3.0", "cc-by-4.0",
    "cc-by-sa-3.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "odc-by", "odbl",
}


def model_card(
    source: str | Path,
    format: str = "hf",
    report: dict[str, Any] | None = None,
) -> str:
    """Write the card of a run's model; "" if nothing was measured.

    ``source`` is a run, or ``RUN:NAME`` as an export takes it: without
    a name it is the chat model where there is one, else the base.
    ``report`` is the evaluation's, which is else read from the run.
    """
    folder, name = Path(source), ""
    if not folder.exists():
        left, _, name = str(source).rpartition(":")
        folder = Path(left)
    path = folder / "evaluation" / "report.json"
    if report is None:
        if not path.exists():
            return ""
        report = read_json(path)
    material = Material(folder, EvaluationConfig())
    chat = material.has("finetune/chat")
    name = name or ("chat" if chat else "base")
    scores = {
        key: msgspec.convert(fields, Score)
        for key, fields in report["tasks"].items()
    }
    title = report["run"] + ("" if name == "base" else f" ({name})")
    return "\n".join(
        (
            "---",
            *yaml(head(material, title, name, format, scores)),
            "---",
            "",
            *body(material, title, name, format, report, scores),
        )
    )


def head(
    material: Material,
    title: str,
    name: str,
    format: str,
    scores: dict[str, Score],
) -> dict[str, Any]:
    """Collect what programs read of a card."""
    sources = material.card.get("sources", [])
    foreign = material.origin(name) not in OWN
    languages = {source.get("language") for source in sources}
    facts = [] if foreign else model_facts(material)
    family = [f[1] for f in facts if f[0] == "Form"]
    return {
        "language": sorted(filter(None, languages)) or None,
        "license": ["other"] if foreign else licences(sources),
        "library_name": LIBRARIES[format],
        "pipeline_tag": "text-generation",
        "tags": ["hornbook", *([] if foreign else SCRATCH), *family],
        "model-index": [
            {
                "name": title,
                "results": [
                    result(key, score)
                    for key, score in scores.items()
                    if score.model in (name, "base")
                ],
            }
        ],
    }


def licences(sources: list[dict[str, Any]]) -> list[str]:
    """Give the text's licences as Hugging Face spells them."""
    found = set()
    for source in sources:
        plain = str(source.get("licence", "")).lower().strip()
        spelt = LICENCES.get(plain, plain.replace(" ", "-"))
        found.add(spelt if spelt in KNOWN else "other")
    return sorted(found) or ["other"]


def result(key: str, score: Score) -> dict[str, Any]:
    """Write a score as an entry of a model index."""
    return {
        "task": {"type": "text-generation", "name": "Text generation"},
        "dataset": {"type": key, "name": score.title or key},
        "metrics": [
            {
                "type": key,
                "name": f"{score.title or key} ({score.model} model, "
                f"{score.unit})",
                "value": round(score.value, 6),
                "verified": False,
            }
        ],
    }


def body(
    material: Material,
    title: str,
    name: str,
    format: str,
    report: dict[str, Any],
    scores: dict[str, Score],
) -> Iterator[str]:
    """Write what people read of a card."""
    # Say what it is, and what it is not
    yield from (f"# {title}", "", CAUTION, "")
    origin = material.origin(name)
    foreign = origin not in OWN
    kind = (
        "The pretrained model: it continues text."
        if name == "base"
        else f"The fine-tuning *{name}* of {Path(origin).name}, which "
        "was not made in this run, and whose licence holds too."
        if foreign
        else f"The fine-tuning *{name}* of a model that was pretrained "
        "from scratch."
    )
    facts = [] if foreign else model_facts(material)
    yield from (kind, "", *listed(facts))
    if format == "hf":
        yield from ("## Use", "", USE, "")

    # Say what it learnt from
    yield from ("## Training text", "")
    yield from listed(source_facts(material))
    yield from listed(text_facts(material))
    yield from (
        "The licence above is that of the text; whoever passes the "
        "model on sees to its terms.",
        "",
    )

    # Say how good it is, and how it was made
    yield from ("## Evaluation", "", *score_table(scores))
    for task, reason in report["skipped"].items():
        yield from (f"Not measured: {task}: {reason}.", "")
    facts = training_facts(material)
    if facts:
        yield from ("## Training", "", *listed(facts))


def score_table(scores: dict[str, Score]) -> Iterator[str]:
    """Write the scores as a table of Markdown."""
    yield "| score | model | value | 95% interval | n | baseline |"
    yield "|---|---|---|---|---|---|"
    for key, score in scores.items():
        unit = score.unit
        more = f" ({score.baseline_is})" if score.baseline_is else ""
        shown = "" if unit == "share" else f" {unit}"
        yield (
            f"| {score.title or key} | {score.model} "
            f"| {number(score.value, unit)}{shown} "
            f"| {span(score.low, score.high, unit)} | {score.n:,} "
            f"| {number(score.baseline, unit)}{more} |"
        )
    yield ""


def listed(facts: Facts) -> Iterator[str]:
    """Write facts as a list of Markdown."""
    for name, value in facts:
        yield f"- {name}: {value}"
    if facts:
        yield ""


def yaml(value: Any, depth: int = 0) -> Iterator[str]:
    """Write tables and lists as YAML; strings stand as in JSON.

    >>> list(yaml({"tags": ["a"], "n": 1}))
    ['tags:', '  - "a"', 'n: 1']
    """
    pad = "  " * depth
    if isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(inner, dict | list):
                yield f"{pad}{key}:"
                yield from yaml(inner, depth + 1)
            elif inner is not None:
                yield f"{pad}{key}: {plain(inner)}"
        return
    for inner in value:
        if isinstance(inner, dict):
            first, *rest = yaml(inner, depth + 1)
            yield f"{pad}- {first.strip()}"
            yield from rest
        else:
            yield f"{pad}- {plain(inner)}"


def plain(value: Any) -> str:
    """Write one value as JSON, which is YAML as well."""
    return json.dumps(value, ensure_ascii=False)
