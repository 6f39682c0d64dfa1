from pathlib import Path

import pytest

from hornbook.base.dialogue import Dialogue, Message, ask
from hornbook.base.errors import DataError
from hornbook.tokenizer.tokenizer import Tokenizer
from hornbook.tuning.mask import describe, open_tokenizer
from hornbook.tuning.sft import encode


@pytest.fixture(scope="module")
def tok() -> Tokenizer:
    return open_tokenizer("")


def test_what_is_shown_is_what_is_trained(tok: Tokenizer) -> None:
    talk = ask("What is a hät?", "A [cover].", "And?", "No.")
    shown = describe(tok, talk)
    (example,) = encode(tok, [talk])
    assert shown.tokens == len(example.ids)
    assert shown.learned == sum(example.mask)
    text = "".join(piece.text for piece in shown.pieces)
    assert text == tok.decode(example.ids)


def test_the_mask_is_the_answer_and_its_stop(tok: Tokenizer) -> None:
    talk = Dialogue(
        (
            Message("system", "Be kind."),
            Message("user", "Hat?"),
            Message("assistant", "Yes."),
        )
    )
    learned = [p.text for p in describe(tok, talk).pieces if p.learned]
    assert learned == [" Yes.<|end|>"]


def test_a_mask_reads_without_colour(tok: Tokenizer) -> None:
    shown = describe(tok, ask("Hat?", "Yes."))
    assert shown.bracketed == (
        "<|user|> Hat?<|end|><|assistant|>[ Yes.<|end|>]"
    )
    assert shown.painted().plain == shown.bracketed.replace(
        "[", ""
    ).replace("]", "")
    assert len({str(s.style) for s in shown.painted().spans}) == 2


def test_a_dialogue_out_of_order_is_refused(tok: Tokenizer) -> None:
    with pytest.raises(DataError, match="is due"):
        describe(tok, Dialogue((Message("assistant", "Yes."),)))


def test_a_tokenizer_can_be_a_run_s(
    tok: Tokenizer, tmp_path: Path
) -> None:
    tok.save(tmp_path / "tokenizer")
    found = open_tokenizer(str(tmp_path))
    assert found.vocab_size == tok.vocab_size
    with pytest.raises(DataError):
        open_tokenizer(str(tmp_path / "nothing"))
