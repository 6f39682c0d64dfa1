from pathlib import Path

from hornbook.press.index import make_index, read_entries, set_index

RAW = r"""\indexentry{attention|hyperpage}{3}
\indexentry{mask!causal|hyperpage}{4}
\indexentry{mask|hyperpage}{2}
\indexentry{attention|hyperpage}{3}
\indexentry{attention|hyperpage}{12}
\indexentry{\textsc  {bpe}}{7}
\indexentry{Élan|hyperpage}{5}
\indexentry{ell@$\ell $|hyperpage}{6}
"""


def test_entries_are_merged_sorted_and_nested() -> None:
    text = set_index(read_entries(RAW))
    items = [
        line.strip().split(",")[0]
        for line in text.splitlines()
        if "item" in line
    ]
    assert items == [
        r"\item attention",
        r"\item \textsc  {bpe}",
        r"\item Élan",
        r"\item $\ell $",
        r"\item mask",
        r"\subitem causal",
    ]
    assert r"attention, \hyperpage{3}, \hyperpage{12}" in text
    assert r"\item mask, \hyperpage{2}" in text


def test_an_empty_index_prints_nothing(tmp_path: Path) -> None:
    make_index(tmp_path)
    assert (tmp_path / "book.ind").read_text(encoding="utf-8") == ""
