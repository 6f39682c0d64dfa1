import re

from hypothesis import given
from hypothesis import strategies as st
from nbformat import NotebookNode
from nbformat.v4 import (
    new_code_cell,
    new_markdown_cell,
    new_notebook,
    new_output,
)

from hornbook.press.notebook import (
    Plain,
    Words,
    blocks,
    number_labels,
    plain_notebook,
    unnumbered,
)
from hornbook.press.works import Work


def chapter(*texts: str, **about: object) -> NotebookNode:
    return new_notebook(
        cells=[new_markdown_cell(text) for text in texts],
        metadata={"book": about},
    )


def words(**labels: str) -> Words:
    named = {
        key.replace("_", ":"): said for key, said in labels.items()
    }
    work = Work("Lee et al.", "2017", "A Work", "http://x.y")
    return Words(named, {"lee2017": work}, "http://film")


def test_roles_become_the_words_of_the_book() -> None:
    plain = Plain(words(fig_a="Figure 2.1", eq_b="2.3"))
    made = plain.block(
        "See {numref}`fig:a`, {eq}`eq:b`, {cite:t}`lee2017`, "
        "{cite:p}`lee2017`.{idx}`x!y`{margin}``And {cite:p}`lee2017`.``"
    )
    assert made == (
        "See Figure 2.1, (2.3), Lee et al. (2017), "
        "(Lee et al., 2017). (And (Lee et al., 2017))"
    )
    assert "A Work" in plain.back_matter()[-1]


def test_directives_become_standard_markdown() -> None:
    plain = Plain(words(lst_a="Listing 1.1", ex_a="Exercise 1.1"))
    made = plain.block(
        "```{listing} hornbook.press.margin:spread\n"
        ":label: lst:a\n:caption: Cap.\n\n"
        "limit = top | A note on {numref}`ex:a`.\n```\n\n"
        "```{exercise} Title\n:label: ex:a\nDo $x$.\n```\n"
        "```{solution} ex:a\nDone.\n```\n"
        "```{qr}\nThe film.\n```\n"
        "```{epigraph} Who\nSaid.\n```"
    )
    assert "**Listing 1.1.** Cap. (`hornbook/press/margin.py`)" in made
    assert "```python\ndef spread(" in made
    assert re.search(r"- Line \d+: A note on Exercise 1\.1\.", made)
    assert "**Exercise 1.1.** *Title* Do $x$." in made
    assert "The film. <http://film>" in made
    assert "> Said.\n>\n> Who" in made
    assert "Done." not in made
    assert "Done." in plain.back_matter()[0]


def test_code_blocks_are_not_translated() -> None:
    block = "```python\n'{numref}`fig:a`'\n```"
    assert block in Plain(words()).block(f"a\n\n{block}\n\nb")


def test_equations_keep_their_numbers() -> None:
    made = Plain(words(eq_a="3.1")).block("$$\nx\n$$ (eq:a)")
    assert made == "$$\nx \\tag{3.1}\n$$"


def test_everything_is_numbered_as_tex_counts() -> None:
    table = "| a |\n|---|\n| b |\n\n: Cap {#tab:a}\n"
    first = chapter("(ch:o)=\n# Open\n", table, numbered=False)
    second = chapter(
        "(ch:a)=\n# A\n",
        "```{diagram} x\n:label: fig:a\n:caption: C\n```\n",
        "$$\nx\n$$ (eq:a)\n\n(sec:b)=\n## Here\n",
    )
    code = new_code_cell("", metadata={"book": {"label": "fig:b"}})
    answer = {"label": "fig:c", "solution": "ex:a"}
    second.cells += [code, new_code_cell("", metadata={"book": answer})]
    said = Words()
    number_labels({"o": first, "a": second}, said)
    assert said.labels == {
        "ch:o": "*Open*",
        "tab:a": "Table 0.1",
        "ch:a": "Chapter 1",
        "fig:a": "Figure 1.1",
        "eq:a": "1.1",
        "sec:b": "*Here*",
        "fig:b": "Figure 1.2",
        "fig:c": "Figure S.1",
    }
    assert unnumbered({"o": first, "a": second}) == {"ch:o"}


def test_cells_lose_what_only_the_press_understands() -> None:
    data = {
        "application/pdf": "JVBE",
        "image/png": "iVBO",
        "text/plain": "\ue000x\ue001",
    }
    about = {"tags": ["hide-input"], "book": {"label": "fig:a"}}
    cell = new_code_cell("x", metadata={**about, "line": 3})
    cell.outputs = [
        new_output("stream", name="stderr", text="/home/me"),
        new_output("display_data", data, metadata={"hornbook": {}}),
    ]
    made = plain_notebook(new_notebook(cells=[cell]), Words())
    assert made.cells[0].metadata == {}
    (output,) = made.cells[0].outputs
    assert sorted(output.data) == ["image/png", "text/plain"]
    assert output.data["text/plain"] == "x"


@given(st.lists(st.sampled_from(["a", "", "```", "```x", "````"])))
def test_blocks_lose_no_line(lines: list[str]) -> None:
    text = "\n".join(lines)
    count = 0
    for info, body in blocks(text):
        inside = body.split("\n") if body or info is not None else []
        count += len(inside) + 2 * (info is not None)
    assert count <= len(lines) + 2 * text.count("```")
    plain = [b for info, b in blocks(text) if info is None]
    assert sum(b.count("a") for b in plain) <= lines.count("a")
