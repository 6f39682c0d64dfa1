from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.base.errors import DataError
from hornbook.press import values

TEXT = """\
Of {value}`a + 1` and {quoted}`b`.

````{when} a > 1
Inside {value}`c`.

```{listing} x
```
````

After {value}`d`."""


def test_expressions_are_found_with_the_block_they_stand_in() -> None:
    asked = values.questions(values.parse(TEXT, "x.md"))
    assert asked == [
        ("value", "a + 1", -1),
        ("quoted", "b", -1),
        ("when", "a > 1", -1),
        ("value", "c", 2),
        ("value", "d", -1),
    ]


@pytest.mark.parametrize("kept", [True, False])
def test_blocks_are_kept_or_dropped_line_for_line(kept: bool) -> None:
    answers: dict[str, Any] = {
        "0": "2",
        "1": "B",
        "2": kept,
        "3": "C",
        "4": "D",
    }
    filled = values.fill(values.parse(TEXT, "x.md"), answers)
    assert ("Inside C." in filled) == kept
    assert len(filled.split("\n")) == len(TEXT.split("\n"))
    last = TEXT.split("\n").index("After {value}`d`.")
    assert filled.split("\n")[last] == "After D."


def test_a_block_that_is_never_closed_fails() -> None:
    with pytest.raises(DataError, match="never closed"):
        values.parse("```{when} a\ntext", "x.md")


@given(st.text(alphabet="ab `{}\n", max_size=60))
def test_text_without_values_is_left_as_it_is(text: str) -> None:
    assert values.fill(values.parse(text, "x.md"), {}) == text


def test_the_hidden_cell_is_python_that_asks_lazily() -> None:
    asked = values.questions(values.parse(TEXT, "x.md"))
    seen: list[Any] = []

    class Figure:
        @staticmethod
        def answer(questions: list[Any]) -> None:
            seen.extend(questions)

    names = {"figure": Figure, "a": 1, "b": "B", "c": 3, "d": 4}
    exec(compile(values.program(asked), "cell", "exec"), names)
    assert [kind for kind, _, _ in seen] == [k for k, _, _ in asked]
    assert seen[0][1]() == 2
