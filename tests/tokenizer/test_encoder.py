import numpy as np
import pytest

from hornbook.base.errors import DataError
from hornbook.tokenizer import threads as module
from hornbook.tokenizer.encoder import LINE, Encoder, aligned
from hornbook.tokenizer.scan import RULES
from hornbook.tokenizer.tokenizer import Tokenizer

TEXT = "A hat is a head covering, déjà vu 🎩. "
KNOWN = Tokenizer.train([TEXT], 300, "gpt2", ()).vocabulary
ENCODER = Encoder(KNOWN, RULES["gpt2"])


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_ways_to_encode_agree(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GROUP", 100)
    texts = [TEXT[n:] * (n % 5) for n in range(60)]
    made = ENCODER.encode_stream(iter(texts), threads)
    for text, (row, length) in zip(texts, made, strict=True):
        assert length == len(text.encode())
        assert row.tolist() == ENCODER.encode(text)
        assert row.tolist() == ENCODER.encode_array(text).tolist()


def test_ids_are_the_callers_own() -> None:
    first = ENCODER.encode_array("a hat")
    kept = first.tolist()
    ENCODER.encode_array("covering")
    assert first.tolist() == kept
    assert first.dtype == np.uint32


def test_half_a_surrogate_pair_is_refused_on_any_thread() -> None:
    for threads in (1, 2):
        with pytest.raises(DataError, match=r"U\+D800"):
            [*ENCODER.encode_stream(["fine", "a\ud800"], threads)]


def test_rows_lie_within_lines() -> None:
    table = np.arange(32, dtype=np.uint64).reshape(8, 4)
    for _ in range(20):
        copy = aligned(table)
        assert copy.ctypes.data % LINE == 0
        assert (copy == table).all()
