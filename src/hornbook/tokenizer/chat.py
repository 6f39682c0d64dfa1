"""Dialogues as tokens, and which of these a model learns to write."""

from hornbook.base.dialogue import Dialogue, Message
from hornbook.base.errors import DataError
from hornbook.tokenizer.forms import Form, form_of
from hornbook.tokenizer.tokenizer import Tokenizer


def render(
    tok: Tokenizer, dialogue: Dialogue, add_prompt: bool = False
) -> tuple[list[int], list[bool]]:
    """Give a dialogue's ids, and a mask of those to be learned.

    The form is the tokenizer's own: each message has a head that names
    the role, its content, and a token that ends it. The mask is true
    on what the assistant says and the token with which it stops,
    nowhere else. The content is text, whatever it spells: nobody can
    forge a role. Where the form has the system say something unasked,
    and the dialogue does not begin with it, that comes first.
    ``add_prompt`` adds the head after which the assistant speaks.

    Raises:
        DataError: the roles are out of order, a message is empty, or
            the tokenizer lacks the control tokens of every form.
    """
    # Refuse what no dialogue of training or use looks like
    form = form_of(tok.specials, tok.vocabulary.system)
    check_order(dialogue)
    if add_prompt and dialogue.messages[-1].role == "assistant":
        raise DataError(
            f"{place(dialogue)} ends with the assistant; it cannot be "
            "asked to speak twice in a row"
        )

    # Write the messages one after the other
    ids = tok.encode(form.start, form.controls)
    mask = [False] * len(ids)
    for message in told(form, dialogue):
        head, said = write_message(
            tok, form, message.role, form.said(message.content)
        )
        after = tok.encode(form.after)
        ids += [*head, *said, tok.special(form.end), *after]
        learned = message.role == "assistant"
        mask += [False] * len(head) + [learned] * (len(said) + 1)
        mask += [False] * len(after)

    # Open the answer
    if add_prompt:
        head, _ = write_message(tok, form, "assistant", "")
        ids += head
        mask += [False] * len(head)
    return ids, mask


def told(form: Form, dialogue: Dialogue) -> tuple[Message, ...]:
    """Give the messages, after what the system says unasked."""
    messages = dialogue.messages
    if not form.system or messages[0].role == "system":
        return messages
    return (Message("system", form.system), *messages)


def write_message(
    tok: Tokenizer, form: Form, role: str, said: str
) -> tuple[list[int], list[int]]:
    """Give the ids of a message's head, and those of what it says.

    What a head ends in and what is said are one stretch of text, and
    cut as one: a token that reaches across is the head's.
    """
    # Write the control tokens up to the last one
    head = form.head.replace("{role}", role)
    control, mark, rest = head.rpartition(">")
    ids = tok.encode(control + mark, form.controls)
    if not rest:
        return ids, tok.encode(said)

    # Cut what follows, and see where what is said begins
    text, starts = tok.encode(rest + said), tok.offsets(rest + said)
    first = int((starts[:, 0] < len(rest)).sum())
    return [*ids, *text[:first]], text[first:]


def gap_of(tok: Tokenizer) -> str:
    """Give what opens an answer before its first word, if anything."""
    try:
        return form_of(tok.specials).gap
    except DataError:
        return ""


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
