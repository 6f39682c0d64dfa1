import pytest

from hornbook.base import errors
from hornbook.base.errors import HornbookError

KINDS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, Exception)
]


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_leaves_with_a_code_and_its_sentence(
    kind: type[HornbookError],
) -> None:
    assert issubclass(kind, HornbookError)
    assert kind.exit_code > 0
    assert str(kind("what, where, remedy")) == "what, where, remedy"


def test_a_stopped_program_leaves_as_shells_expect() -> None:
    assert errors.Interrupted.exit_code == 130
