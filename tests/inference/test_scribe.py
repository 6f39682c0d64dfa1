from hypothesis import given
from hypothesis import strategies as st

from hornbook.inference.scribe import Scribe
from hornbook.tokenizer.tokenizer import SPECIALS, Tokenizer

TOK = Tokenizer.train(["a hat, a hat 🎩"], 270, "gpt2", SPECIALS)
WORDS = st.text("aht 🎩é", max_size=20)
STOPS = st.lists(st.text("aht", min_size=1, max_size=3), max_size=2)


@given(WORDS, STOPS)
def test_the_scribe_counts_what_it_reads_and_writes(
    text: str, stops: list[str]
) -> None:
    scribe, written = Scribe(TOK, stops), ""
    for token in TOK.encode(text):
        written += scribe.push(token)
        assert scribe.written == len(written) <= scribe.read
        assert text.startswith(written)
        if scribe.ended:
            break
    else:
        written += scribe.flush()
        assert written == text
    assert scribe.ended == any(stop in text for stop in stops)


def test_the_end_token_brings_out_what_was_held_back() -> None:
    scribe = Scribe(TOK, ["hats"])
    assert "".join(map(scribe.push, TOK.encode("a hat"))) == "a "
    assert scribe.push(TOK.end) == "hat"
    assert scribe.ended


@given(WORDS)
def test_only_the_gap_that_opens_a_text_is_left_out(text: str) -> None:
    for given_, gap in ((text, ""), (" " + text, " ")):
        scribe = Scribe(TOK, gap=gap)
        written = "".join(map(scribe.push, TOK.encode(given_)))
        assert written + scribe.flush() == text
