"""Draw docs/terminal.svg from what a demo printed.

    hornbook run demo 2>&1 | tee demo.log
    python docs/terminal.py demo.log

Nothing is added to the words of the log but the tints. A mark stands
where stages or samples were left out; bars are gone without one.
"""

import re
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

SHOWN = ("plan", "curate", "pretrain", "finetune.chat", "book", "end")
COLUMNS = 96
LEFT_OUT = "  ⋮"
HEADING = re.compile(r"^[a-z]+(\.\w+)?$")
BAR = re.compile(r"  [\w -]+: .* (left|passes of TeX)$|Loading weights")
SAMPLE = re.compile(r"^  step \d+ it writes:$")
END = re.compile(r"^(report|model|book) +runs/|^talk to it")
FACE = "ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace"
PAPER, INK = (29, 31, 33), (222, 218, 208)
STAGE, SAMPLE_TEXT = "bold #d6aa5a", "italic #86b6d2"
THEME = TerminalTheme(PAPER, INK, [PAPER] * 7 + [INK])


def stages(log: str) -> dict[str, list[str]]:
    """Cut a log into its stages; the last lines are ``end``."""
    found: dict[str, list[str]] = {"": []}
    name, before = "", ""
    for line in map(str.rstrip, log.split("\n")):
        if HEADING.match(line) and not before:
            name = line
        elif END.match(line):
            name = "end"
        elif line.startswith("real\t"):
            break
        found.setdefault(name, []).append(line)
        before = line
    return found


def excerpt(lines: list[str]) -> Iterator[str]:
    """Leave out bars, empty lines, and samples amid others."""
    samples = [i for i, line in enumerate(lines) if SAMPLE.match(line)]
    amid = {place + k for place in samples[1:-1] for k in (0, 1)}
    cut = False
    for i, line in enumerate(lines):
        if i in amid:
            cut = True
        elif line and not BAR.match(line):
            if cut:
                yield LEFT_OUT
            cut = False
            yield line


def styled(lines: list[str]) -> Iterator[Text]:
    """Give lines the looks of a terminal, and stages a colour."""
    sample = False
    for line in lines:
        style = SAMPLE_TEXT if sample else ""
        if HEADING.match(line):
            style = STAGE
        elif line == LEFT_OUT or re.search(r" took \d.* memory$", line):
            style = "dim"
        sample = bool(SAMPLE.match(line))
        yield Text(line, style)


def draw(log: str) -> str:
    """Draw a log's first minute, its middle and its end as SVG."""
    screen = Console(
        record=True, width=COLUMNS, file=StringIO(), highlight=False
    )
    found = stages(log)
    screen.print(Text("$ hornbook run demo", "bold"))
    skipped = False
    for name, lines in list(found.items())[1:]:
        if name not in SHOWN:
            skipped = True
            continue
        screen.print(LEFT_OUT if skipped else "", style="dim")
        skipped = False
        for text in styled(list(excerpt(lines))):
            screen.print(text)
    svg = screen.export_svg(title="hornbook", theme=THEME)

    # A picture fetches no fonts
    svg = re.sub(r"\s*@font-face \{.*?\n\s*\}", "", svg, flags=re.S)
    return svg.replace("Fira Code", FACE)


if __name__ == "__main__":
    log = Path(sys.argv[1]).read_text(encoding="utf-8")
    out = Path(__file__).with_suffix(".svg")
    out.write_text(draw(log), encoding="utf-8")
