"""How reports on vocabularies are printed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hornbook.base.console import make_table, print_result, results
from hornbook.cli.app import print_json

if TYPE_CHECKING:
    from hornbook.tokenizer.report import Report


def show_reports(reports: "Sequence[Report]", json: bool) -> None:
    """Print how vocabularies fit a text; the first in full."""
    if json:
        print_json(reports)
        return

    # Set the vocabularies side by side
    rows = [
        (
            each.name,
            f"{each.vocab_size:,}",
            f"{each.fit.bytes_per_token:.2f}",
            f"{each.fit.fertility:.2f}",
            f"{each.fit.lost:.2%}",
            f"{each.fit.used:,}",
        )
        for each in reports
    ]
    own = reports[0]
    print_result(
        f"{own.fit.documents:,} held-out documents of "
        f"{own.fit.bytes:,} bytes\n"
    )
    results().print(make_table(COLUMNS, rows, right=(1, 2, 3, 4, 5)))

    show_scripts(reports)

    # Name some tokens of the first
    print_result(f"\nlongest: {' '.join(own.longest)}")
    if own.idle:
        print_result(
            f"never trained: {own.idle:,} tokens, as "
            + " ".join(own.idle_tokens)
        )


def show_scripts(reports: "Sequence[Report]") -> None:
    """Print how they fit each script, a vocabulary in a column."""
    print_result("\ntokens per word, and per character")
    rows = [
        (
            each.script,
            f"{each.words:,}",
            *(on_script(other, each.script) for other in reports),
        )
        for each in reports[0].scripts
    ]
    names = ("script", "words", *(each.name for each in reports))
    right = tuple(range(1, len(names)))
    results().print(make_table(names, rows, right=right))


def on_script(report: "Report", script: str) -> str:
    """Write how well a vocabulary fits one script, if it stands."""
    for each in report.scripts:
        if each.script == script:
            each_sign = f"{each.tokens_per_character:.2f}"
            return f"{each.fertility:.2f}  {each_sign}"
    return "-"


COLUMNS = (
    "vocabulary",
    "tokens",
    "bytes per token",
    "tokens per word",
    "unknown",
    "in use",
)
