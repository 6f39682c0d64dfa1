from pathlib import Path

import pytest

from hornbook.base.errors import DataError
from hornbook.model.config import FORMS, ModelConfig, make_config
from hornbook.model.count import parameters
from hornbook.press import diagram
from hornbook.press.run_folder import Run

DRAWINGS = [
    diagram.transformer_block,
    diagram.whole_model,
    diagram.attention_shapes,
]


def model(form: str) -> ModelConfig:
    return make_config(
        form=form,
        vocab_size=777,
        layers=3,
        width=96,
        heads=6,
        kv_heads=3,
        context=55,
    )


@pytest.mark.parametrize("form", sorted(FORMS))
@pytest.mark.parametrize("drawing", DRAWINGS)
def test_a_drawing_is_whole_for_every_form(
    drawing: diagram.Callable[[ModelConfig], str], form: str
) -> None:
    text = drawing(model(form))
    assert "@" not in text
    assert text.count("{") == text.count("}")
    assert text.count(r"\begin") == text.count(r"\end")
    ends = text.replace("\n", " ").strip()
    assert ends.endswith(r"\end{tikzpicture}")


def test_numbers_are_the_models() -> None:
    config = model("llama")
    counts = parameters(config)
    block = diagram.transformer_block(config)
    whole = diagram.whole_model(config)
    shapes = diagram.attention_shapes(config)
    each = counts["attention"] // 3
    assert f"{diagram.count(each)} parameters" in block
    assert f"{diagram.count(each)} parameters" in shapes
    assert diagram.count(counts["head"]) in whole
    assert r"T\times 777" in whole
    assert r"$K$: $3\times T\times 16$" in shapes
    assert r"6 heads of 16, keys and values of 3" in block


def test_an_unknown_diagram_fails(run_folder: Path) -> None:
    with pytest.raises(DataError, match="x.md, line 3: .*'nope'"):
        diagram.draw("nope", Run(run_folder), "x.md, line 3")


def test_diagrams_are_found_by_name(run_folder: Path) -> None:
    run = Run(run_folder)
    text = diagram.draw("whole_model", run, "x")
    assert text == diagram.whole_model(run.model)
