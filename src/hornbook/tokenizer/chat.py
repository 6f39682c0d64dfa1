"""Dialogues as tokens, and which of these a model learns to write."""

from hornbook.base.dialogue import Dialogue, Message
from hornbook.base.errors import DataError
from hornbook.tokenizer.hugging_face import CHAT_TEMPLATE
from hornbook.tokenizer.tokenizer import Tokenizer

__all__ = ["CHAT_TEMPLATE", "GAP", "render"]

GAP = " "
"""Opens a message, so that its first word is the token that it is in
the middle of a sentence: a name can be copied from the question."""


def render(
    tok: Tokenizer, dialogue: Dialogue, add_prompt: bool = False
) -> tuple[list[int], list[bool]]:
    """Give a dialogue's ids, and a mask of those to be learned.

    Each message is its role's token, a space, its content, and
    ``<|end|>``. The mask is true on what the assistant says and the
    ``<|end|>`` with which it stops, nowhere else. The content is text,
    whatever it spells: nobody can forge a role. ``add_prompt`` adds
    the token after which the assistant speaks.

    Raises:
        DataError: the roles are out of order, a message is empty, or
            the tokenizer lacks a control token.
    """
    # Refuse what no dialogue of training or use looks like
    check_order(dialogue)
    if add_prompt and dialogue.messages[-1].role == "assistant":
        raise DataError(
            f"{place(dialogue)} ends with the assistant; it cannot be "
            "asked to speak twice in a row"
        )

    # Write the messages one after the other
    ids: list[int] = []
    mask: list[bool] = []
    end = tok.special("<|end|>")
    for message in dialogue.messages:
        said = [*tok.encode(GAP + message.content), end]
        ids += [role_token(tok, message), *said]
        learned = message.role == "assistant"
        mask += [False, *[learned] * len(said)]

    # Open the answer
    if add_prompt:
        ids.append(tok.special("<|assistant|>"))
        mask.append(False)
    return ids, mask


def role_token(tok: Tokenizer, message: Message) -> int:
    """Give the id of the token that opens a message."""
    return tok.special(f"<|{message.role}|>")


def check_order(dialogue: Dialogue) -> None:
    """Refuse a dialogue whose sides do not take turns.

    A system message may come first; then user and assistant take
    turns, and the user begins.

    Raises:
        DataError: names the dialogue and the message.
    """
    roles = [message.role for message in dialogue.messages]
    turns = roles[1:] if roles[:1] == ["system"] else roles
    if not turns:
        raise DataError(f"{place(dialogue)} has no message of a user")
    first = len(roles) - len(turns) + 1
    for turn, role in enumerate(turns):
        due = "assistant" if turn % 2 else "user"
        if role != due:
            raise DataError(
                f"message {first + turn} of {place(dialogue)} is of "
                f"the {role}, where the {due} is due; a system message "
                "may come first, then user and assistant take turns"
            )
    for number, message in enumerate(dialogue.messages, start=1):
        if not message.content.strip():
            raise DataError(
                f"message {number} of {place(dialogue)} is empty; "
                "leave the dialogue out or fill it"
            )


def place(dialogue: Dialogue) -> str:
    """Name a dialogue in an error."""
    if dialogue.document:
        return f"the dialogue made from document {dialogue.document}"
    return "the dialogue"
