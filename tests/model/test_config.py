import subprocess
import sys
from typing import Any

import pytest

from hornbook.base.errors import RecipeError
from hornbook.model.config import (
    FORMS,
    ModelConfig,
    default_hidden,
    make_config,
)
from hornbook.model.transformer import Transformer


def test_zeros_are_filled_in() -> None:
    config = ModelConfig(width=32, heads=4).resolved(vocab_size=9)
    assert config.vocab_size == 9
    assert (config.kv_heads, config.head_dim) == (4, 8)
    assert config.hidden == default_hidden(32, "swiglu") > 0
    assert config.resolved() == config


def test_all_feed_forward_layers_cost_about_the_same() -> None:
    plain = 2 * 192 * default_hidden(192, "gelu")
    gated = 3 * 192 * default_hidden(192, "swiglu")
    assert gated == pytest.approx(plain, rel=0.05)


def test_a_form_gives_way_to_what_is_asked_for() -> None:
    usual = make_config(form="gpt2", vocab_size=9)
    assert usual.tied and usual.bias and usual.norm == "layernorm"
    other = make_config(form="gpt2", vocab_size=9, tied=False)
    assert not other.tied and other.bias


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"width": 0}, "model.width is 0"),
        ({"layers": -1}, "model.layers is -1"),
        ({"vocab_size": 0}, "model.vocab_size is 0"),
        ({"heads": 0}, "model.heads is 0"),
        ({"width": 30}, "model.width (30) is not divisible by"),
        ({"kv_heads": 3}, "model.heads (4) is not divisible by"),
        ({"kv_heads": 8}, "model.kv_heads (8)"),
        ({"head_dim": 7}, "model.head_dim is 7"),
        ({"width": 20, "heads": 4}, "model.head_dim is 5"),
        ({"eps": 0.0}, "model.eps"),
        ({"eps": float("nan")}, "model.eps"),
        ({"softcap": -1.0}, "model.softcap"),
        ({"softcap": float("nan")}, "model.softcap"),
        ({"rope_theta": 0.5}, "model.rope_theta"),
        ({"context": 1 << 40}, "model.context is 1099511627776"),
    ],
)
def test_shapes_that_cannot_be_are_refused(
    change: dict[str, Any], words: str
) -> None:
    sound = {"vocab_size": 9, "width": 32, "heads": 4, "layers": 1}
    assert Transformer(make_config(**sound))
    with pytest.raises(RecipeError) as caught:
        make_config(**sound | change)
    assert words in str(caught.value)


def test_odd_heads_suit_learned_positions() -> None:
    small = {"vocab_size": 9, "width": 20, "heads": 4, "layers": 1}
    assert Transformer(make_config(form="gpt2", **small))


def test_shapes_need_no_torch() -> None:
    code = (
        "import sys, hornbook.model.config, hornbook.model.count;"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_form_has_a_shape() -> None:
    for form in FORMS:
        assert make_config(form=form, vocab_size=9).form == form
