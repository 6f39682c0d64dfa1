import pytest

from hornbook.base.errors import RecipeError
from hornbook.recipe import load_recipe


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("minutes=0", "scaling.minutes is 0.0"),
        ("minutes=-1", "scaling.on = false"),
        ("steps=-1", "scaling.steps is -1"),
        ("seeds=0", "scaling.seeds is 0"),
        ("heldout_bytes=0", "scaling.heldout_bytes is 0"),
        ("sizes=[]", "scaling.sizes"),
        ("sizes=[0.5, 2.0]", "at most 1"),
        ("budgets=[0.0]", "scaling.budgets"),
        ("size=3", "did you mean"),
    ],
)
def test_what_cannot_be_tried_is_refused(
    setting: str, words: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        load_recipe("smoke", [f"scaling.{setting}"])
    assert words in str(caught.value)
