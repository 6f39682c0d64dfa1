"""A conversation in the terminal."""

import sys

from rich.console import Console

from hornbook.base.dialogue import Message
from hornbook.base.errors import DataError
from hornbook.inference.generate import (
    Sampling,
    dialogue_of,
    stream_ids,
)
from hornbook.model.transformer import Transformer
from hornbook.tokenizer.chat import gap_of, render
from hornbook.tokenizer.tokenizer import Tokenizer

GREETING = (
    "Ask something; /new begins anew, /quit ends (or Ctrl-D). "
    "This is a small model: what it says is often untrue."
)

GOODBYES = ("/quit", "/exit", "quit", "exit")


def converse(
    model: Transformer, tok: Tokenizer, sampling: Sampling
) -> None:
    """Talk until the user ends it.

    With a pipe instead of a terminal, each line is a question and each
    answer a line.

    Raises:
        DataError: what was typed is not UTF-8.
    """
    said: list[Message] = []
    screen = Console(stderr=True, highlight=False)
    talking = sys.stdin.isatty()
    if talking:
        screen.print(GREETING, style="dim")
    while True:
        # Listen
        if talking:
            screen.print("[bold]you[/]  ", end="")
        line = listen()
        question = line.strip()
        if not line or question.lower() in GOODBYES:
            return
        if question == "/new":
            said = []
        if not question or question == "/new":
            continue

        # Answer, remembering as much as the context holds
        said.append(Message("user", question))
        ids = fitting(model, tok, said, sampling.max_tokens)
        if talking:
            screen.print("[bold]it[/]   ", end="")
        answer = ""
        gap = gap_of(tok)
        for piece in stream_ids(model, tok, ids, sampling, gap=gap):
            sys.stdout.write(piece)
            sys.stdout.flush()
            answer += piece
        sys.stdout.write("\n")
        said.append(Message("assistant", answer.strip() or "..."))


def listen() -> str:
    """Read a line; it is empty at the end.

    Raises:
        DataError: it is not UTF-8.
    """
    try:
        line = sys.stdin.readline()
        line.encode("utf-8")
    except UnicodeError as error:
        raise DataError(
            "what was typed or piped in is not UTF-8 text; set the "
            "terminal to UTF-8, or convert the file"
        ) from error
    return line


def fitting(
    model: Transformer,
    tok: Tokenizer,
    said: list[Message],
    room: int,
) -> list[int]:
    """Forget the oldest turns until question and answer fit."""
    while True:
        ids, _ = render(tok, dialogue_of(said), add_prompt=True)
        if len(ids) + room <= model.config.context or len(said) == 1:
            return ids
        del said[:2]
