from collections.abc import Callable

import pytest

from hornbook.corpus import common
from hornbook.corpus.common import Unit, find_common, piece_key, without
from hornbook.corpus.engine import engine
from hornbook.corpus.texts import Places

LayDown = Callable[[list[str]], Places]
NOTICE = "Subscribe to our newsletter"
TEXTS = [
    f"First page.\n\n{NOTICE}\n\nIts end.",
    f"Second page.\n\n {NOTICE.upper()} \n\nIts end.",
    f"{NOTICE}\n\n{NOTICE}\n\nThird page.",
    "A page of its own.",
]


def cuts(
    least: int, places: Places, unit: Unit = "paragraph"
) -> dict[int, set[int]]:
    alive = engine().from_pydict({"rank": list(range(len(TEXTS)))})
    total = sum(map(len, TEXTS))
    found = find_common(alive, unit, least, places, total)
    return {
        row["rank"]: set(row["keys"]) for row in found.to_pylist()
    }


@pytest.mark.parametrize("pass_bytes", [10**9, 40])
def test_what_many_have_stays_in_the_first(
    pass_bytes: int,
    lay_down: LayDown,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Counted at once, or a share of the pieces at a time."""
    monkeypatch.setattr(common, "PASS_BYTES", pass_bytes)
    places, notice = lay_down(TEXTS), piece_key(NOTICE)
    assert cuts(3, places) == {1: {notice}, 2: {notice}}
    end = piece_key("Its end.")
    assert cuts(2, places) == {1: {notice, end}, 2: {notice}}
    assert cuts(4, places) == {}


def test_pieces_are_cut_and_the_rest_stays() -> None:
    notice = [piece_key(NOTICE)]
    assert without(TEXTS[1], "paragraph", notice) == (
        "Second page.\n\nIts end."
    )
    assert without(TEXTS[2], "paragraph", notice) == "Third page."
    assert without(TEXTS[2], "line", notice) == "Third page."
    assert without(TEXTS[3], "line", notice) == TEXTS[3]
    assert without(NOTICE, "line", notice) == ""


def test_a_line_of_a_paragraph_is_a_piece() -> None:
    text = "Menu\nHome\nA story."
    home = [piece_key("home")]
    assert without(text, "line", home) == "Menu\nA story."
    assert without(text, "paragraph", home) == text
