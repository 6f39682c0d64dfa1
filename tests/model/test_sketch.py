import subprocess
import sys

import pytest

import hornbook as hb
from hornbook.model.config import make_config
from hornbook.model.count import parameters
from hornbook.model.sketch import sketch


def test_a_sketch_shows_the_numbers_of_its_model() -> None:
    config = make_config(form="nanochat", vocab_size=512, kv_heads=2)
    drawn, counts = sketch(config), parameters(config)
    for part in ("attention", "feed-forward"):
        assert f"{counts[part] // config.layers:,}" in drawn
    assert f"{counts['head']:,}" in drawn
    assert "2 of keys" in drawn and "rotary" in drawn
    assert "capped at 15" in drawn and "4 times" in drawn
    assert max(map(len, drawn.splitlines())) <= 72


def test_a_sketch_shows_what_the_form_has() -> None:
    drawn = sketch(make_config(form="gpt2", vocab_size=512))
    assert "places" in drawn and "(the table)" in drawn
    assert "rotary" not in drawn and "capped" not in drawn


def test_a_sketch_needs_no_torch() -> None:
    code = (
        "import sys; from hornbook.model.sketch import sketch; "
        "from hornbook.model.config import make_config; "
        "sketch(make_config(vocab_size=9)); "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_attention_of_ones_own_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = make_config(vocab_size=9, attention="mild")
    monkeypatch.setitem(hb.ATTENTION, "mild", hb.ATTENTION["sdpa"])
    assert "by mild" in sketch(config)
    assert " by " not in sketch(make_config(vocab_size=9))
