"""JSON schemas: whether a value is as a schema says; offline."""

from collections.abc import Iterator, Mapping
from typing import Any

import regex

from hornbook.base.errors import DataError

SECONDS = 0.5
"""How long one regular expression of a schema may search."""


def fault(value: Any, schema: Mapping[str, Any]) -> str:
    """Name the keyword of a schema that a value breaks first; or "".

    References lead inside the schema alone: none is ever fetched.

    >>> fault({"age": -1}, {"properties": {"age": {"minimum": 0}}})
    'minimum at age'

    Raises:
        DataError: the schema is not one.
        TimeoutError: one of its patterns took too long.
    """
    from jsonschema import Draft202012Validator, SchemaError
    from jsonschema.validators import extend
    from referencing import Registry

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise DataError(
            f"this is no JSON schema: {error.message}; correct the "
            "problem's 'schema'"
        ) from error
    bounded = extend(Draft202012Validator, {"pattern": pattern})
    judge = bounded(schema, registry=Registry())
    wrong = next(judge.iter_errors(value), None)
    if wrong is None:
        return ""
    path = ".".join(map(str, wrong.absolute_path))
    return f"{wrong.validator} at {path or 'the top'}"


def pattern(
    validator: Any, wanted: str, value: Any, schema: Any
) -> Iterator[Any]:
    """Search a text for a pattern, for a limited time."""
    from jsonschema import ValidationError

    if not isinstance(value, str):
        return
    if not regex.search(wanted, value, timeout=SECONDS):
        yield ValidationError("no match")
