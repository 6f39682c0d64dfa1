"""A tiny run, tiny chapters, and TeX for Tectonic without a network."""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from hornbook.model.config import make_config
from hornbook.model.count import describe
from hornbook.press.tex_setup import find_engine

HEAD = """\
---
jupytext: {text_representation: {extension: .md, format_name: myst}}
kernelspec: {name: python3, display_name: Python 3}
---

"""
FIRST = (
    HEAD
    + """\
(ch:first)=
# Looking back

```{epigraph} Somebody, *Something*
A motto.
```

This run has {value}`f"{run.parameters['total']:,}"` weights and says
“{quoted}`"λ 汉 & #1 $x$"`”.{idx}`weights`{margin}`A note hangs here.`
{margin}`And one hangs on the very same line, and may not collide.`
{cite:t}`vaswani2017` looked at all of it, see {numref}`ch:second`,
{numref}`sec:end`, {numref}`lst:spread`, {numref}`fig:block`,
{numref}`fig:loss`, {numref}`tab:parts`, {numref}`ex:one` and
{eq}`eq:one`.

````{when} run.model.layers == 2
It has two layers.
````
````{when} run.model.layers > 2
It has many layers.
````

$$
a = b
$$ (eq:one)

```{listing} hornbook.press.margin:spread
:label: lst:spread
:caption: Notes that must not collide.

limit = top | Where the first note may begin, $h_1$.
limit = bottom | Then from the foot upwards.
```

```{diagram} transformer_block
:label: fig:block
:caption: One of {value}`run.model.layers` blocks.
```

```{code-cell}
print("printed by the chapter: ▁ λ")
```

```{code-cell}
---
tags: [hide-input]
book: {label: fig:loss, caption: The loss., width: full}
---
steps, loss = run.metrics("loss")
fig, ax = plt.subplots(figsize=(figure.FULL, 1))
ax.plot(steps, loss)
plt.show()
```

```{code-cell}
---
tags: [hide-input]
book: {label: tab:parts, caption: The parts.}
---
table(["Part", "Count"], [["all", run.parameters["total"]]])
```

```{code-cell}
:tags: [sample]
quoted("A secret of the corpus.", "From the corpus")
```

(sec:end)=
## The end

```{exercise} Adding
:label: ex:one
What is $1 + 1$?
```
```{solution} ex:one
It is two.
```
```{code-cell}
---
book: {solution: "ex:one"}
---
print("the sum is", 1 + 1)
```

```{qr}
The film.
```
"""
)
SECOND = (
    HEAD
    + """\
(ch:second)=
# Looking on

After {numref}`ch:first` comes {cite:p}`vaswani2017`.{idx}`end!of it`
"""
)
BIBLIOGRAPHY = """\
@misc{vaswani2017,
  author = {Ashish Vaswani and Noam Shazeer and others},
  title = {Attention Is All You Need},
  year = {2017},
  url = {https://arxiv.org/abs/1706.03762}
}
"""

needs_lualatex = pytest.mark.skipif(
    getattr(find_engine(), "name", "") != "lualatex",
    reason="needs LuaLaTeX and the packages that the book opens",
)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "tex: sets pages, so needs TeX")


def write_run(folder: Path) -> Path:
    """Write the few files that the tiny chapters read."""
    config = make_config(
        form="nanochat", vocab_size=300, layers=2, width=32, heads=2
    )
    card = {"sources": [{"name": "tales", "licence": "CC BY 4.0"}]}
    files = {"model.json": describe(config), "corpus/card.json": card}
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content), encoding="utf-8")
    rows = [{"step": s, "loss": 6.0 / (s + 1)} for s in range(20)]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "metrics.jsonl").write_text(text, encoding="utf-8")
    return folder


def write_chapters(folder: Path, **chapters: str) -> Path:
    """Write chapters, in this order, with a bibliography."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in chapters.items():
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
    order = json.dumps(list(chapters))
    (folder / "order.json").write_text(order, encoding="utf-8")
    path = folder / "references.bib"
    path.write_text(BIBLIOGRAPHY, encoding="utf-8")
    return folder


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    return write_run(tmp_path / "tiny")


@pytest.fixture
def chapter(tmp_path: Path) -> Callable[[str], Path]:
    """Write one chapter of given text and give its folder."""

    def write(text: str) -> Path:
        whole = HEAD + "(ch:one)=\n# One\n\n" + text + "\n"
        return write_chapters(tmp_path / "chapters", one=whole)

    return write


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tiny run and the tiny book's chapters."""
    folder = tmp_path_factory.mktemp("shelf")
    write_run(folder / "tiny")
    write_chapters(folder / "chapters", first=FIRST, second=SECOND)
    return folder


TREES = (
    "/usr/share/texmf",
    "/usr/share/texlive/texmf-dist",
    "/var/lib/texmf",
)
ORDER = (
    "/tex/xelatex/",
    "/tex/xetex/",
    "/tex/latex/",
    "/tex/generic/",
    "/tex/plain/",
    "/tex/",
    "/fonts/",
    "/bibtex/",
)
NEEDED = ("tex-text.tec", "pzdr.tfm", "memoir.cls", "plainnat.bst")


def tex_files() -> dict[str, str]:
    """Choose one file for each name in Debian's TeX trees."""
    chosen: dict[str, tuple[int, str]] = {}
    for tree in TREES:
        for folder, _, names in os.walk(tree):
            if any(p in folder for p in ("/doc", "/source", "-dev")):
                continue
            part = next((p for p in ORDER if p in folder + "/"), None)
            if part is None:
                continue
            for name in names:
                mine = (ORDER.index(part), f"{folder}/{name}")
                chosen[name] = min(chosen.get(name, mine), mine)
    return {name: path for name, (_, path) in chosen.items()}


@pytest.fixture(scope="session")
def tex_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle for Tectonic: links to the files of Debian's TeX."""
    files = tex_files()
    missing = [name for name in NEEDED if name not in files]
    if missing:
        pytest.skip(f"needs a TeX tree with {', '.join(missing)}")
    folder = tmp_path_factory.mktemp("bundle")
    for name, path in files.items():
        (folder / name).symlink_to(Path(path).resolve())
    start = folder / "tectonic-format-latex.tex"
    start.write_text("\\input xelatex.ini\n", encoding="utf-8")
    names = "\n".join(sorted(files)).encode()
    digest = hashlib.sha256(names).hexdigest()
    (folder / "SHA256SUM").write_text(digest + "\n", encoding="utf-8")
    return folder
