import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.base.errors import DataError, RecipeError
from hornbook.tokenizer import split
from hornbook.tokenizer.split import PATTERNS, Splitter, utf8

LOSSY = [r"\w+", r"(\w)(\d)?", r"(?=a)", r"a*", r"\p{Lu}"]


@pytest.mark.parametrize("pattern", [*PATTERNS, *LOSSY])
@given(text=st.text())
def test_pieces_joined_are_the_text(pattern: str, text: str) -> None:
    pieces = Splitter(pattern)(text)
    assert "".join(pieces) == text
    assert "" not in pieces


@pytest.mark.parametrize(
    ("pattern", "pieces"),
    [
        (
            "gpt2",
            ["I", "'ll", " pay", " 12345", "!", "  ", " OK", "\n"],
        ),
        (
            "cl100k",
            [
                "I",
                "'ll",
                " pay",
                " ",
                "123",
                "45",
                "!",
                "  ",
                " OK",
                "\n",
            ],
        ),
        (
            "qwen",
            ["I", "'ll", " pay", " ", *"12345", "!", "  ", " OK", "\n"],
        ),
        (
            "o200k",
            ["I'll", " pay", " ", "123", "45", "!", "  ", " OK", "\n"],
        ),
    ],
)
def test_published_patterns(pattern: str, pieces: list[str]) -> None:
    assert Splitter(pattern)("I'll pay 12345!   OK\n") == pieces


def test_contractions_in_capitals_tell_gpt2_from_cl100k() -> None:
    assert Splitter("gpt2")("IT'S") == ["IT", "'", "S"]
    assert Splitter("cl100k")("IT'S") == ["IT", "'S"]


def test_any_regular_expression_is_a_pattern() -> None:
    assert Splitter(r"\d")("a12b") == ["a", "1", "2", "b"]


@pytest.mark.parametrize("pattern", ["(", "[a", r"\p{Nonsense}", ""])
def test_what_does_not_compile_is_refused(pattern: str) -> None:
    with pytest.raises(RecipeError, match="gpt2, cl100k"):
        Splitter(pattern)


def test_half_a_surrogate_pair_is_named() -> None:
    with pytest.raises(DataError, match=r"character 2 .* U\+D83C"):
        utf8("ab\ud83c")


@pytest.mark.parametrize("pattern", [r"(?:a|a)+b", r"((?:a|a)+)b"])
def test_a_pattern_that_runs_away_is_stopped(
    pattern: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(split, "LEAST_SECONDS", 0.2)
    with pytest.raises(RecipeError, match="64 characters in 0.2"):
        Splitter(pattern)("a" * 64)
