"""A dialogue: what two sides say in turn."""

from typing import Literal

import msgspec

Role = Literal["system", "user", "assistant"]


class Message(msgspec.Struct, frozen=True):
    """One thing said, and by whom."""

    role: Role
    content: str


class Dialogue(msgspec.Struct, frozen=True):
    """Messages in order, and the document they were made from."""

    messages: tuple[Message, ...]
    document: str = ""


def ask(*turns: str, document: str = "") -> Dialogue:
    """Build a dialogue from turns: user, assistant, user, ...

    >>> ask("What is a hat?", "A head covering.").messages[1].role
    'assistant'
    """
    roles: tuple[Role, Role] = ("user", "assistant")
    messages = tuple(
        Message(roles[index % 2], turn)
        for index, turn in enumerate(turns)
    )
    return Dialogue(messages, document)
