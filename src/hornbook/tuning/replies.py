"""What a writer replied: every reply is saved, none is asked twice."""

import json
import queue
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from hornbook.base.console import console
from hornbook.base.document import Document
from hornbook.base.errors import CorruptFileError, DataError
from hornbook.base.store import append_jsonl, read_jsonl, write_text
from hornbook.tuning.endpoint import Answer, complete, find_key
from hornbook.tuning.pairs import KEPT, Question
from hornbook.tuning.writer import (
    WriterConfig,
    prompt_for,
    read_pairs,
    request_digest,
)

UNREADABLE = "unreadable"
PATIENCE = 10
"""After so many replies, none of them of use, nobody asks on."""


class Reply(msgspec.Struct, frozen=True):
    """One line of a file of replies."""

    asked: str
    """The digest of the request."""
    document: str
    text: str = ""
    fault: str = ""


class Writings(msgspec.Struct, frozen=True):
    """What a writer made of documents, as far as it was asked."""

    pairs: dict[str, list[Question]]
    """Of each document that has a readable reply."""
    counts: Counter[str]
    """Replies that were read, and those that were not, by why."""
    missing: int
    """Documents that were not asked about yet."""
    failed: str = ""
    """How the first reply begins that could not be read."""


def gather(
    documents: Sequence[Document],
    config: WriterConfig,
    saved: Mapping[str, Reply],
) -> Writings:
    """Read the saved replies on documents, without any connection."""
    pairs = dict[str, list[Question]]()
    counts, missing, failed = Counter[str](), 0, ""
    for document in documents:
        prompt = prompt_for(document, config)
        reply = saved.get(request_digest(prompt, config))
        if reply is None:
            missing += 1
            continue
        found = read_reply(reply, document, config)
        if found is not None:
            pairs[document.id] = found
            counts[KEPT] += 1
        else:
            counts[reply.fault or UNREADABLE] += 1
            failed = failed or reply.text or reply.fault
    return Writings(pairs, counts, missing, failed[:80])


def read_reply(
    reply: Reply, document: Document, config: WriterConfig
) -> list[Question] | None:
    """Give a reply's pairs, or None where it has none to read."""
    if reply.fault:
        return None
    return read_pairs(reply.text, document, config)


def ask_rest(
    documents: Sequence[Document], config: WriterConfig, path: Path
) -> Writings:
    """Ask about what was not asked yet, and save each reply at once.

    Raises:
        DataError: no reply is of any use.
        NetworkError: the server cannot be asked.
        RecipeError: the key is not where the recipe says.
    """
    # Find what was not asked yet
    saved = read_replies(path)
    before = useful(gather(documents, config, saved), path)
    if not before.missing:
        return before
    prompts = {}
    for document in documents:
        prompt = prompt_for(document, config)
        digest = request_digest(prompt, config)
        if digest not in saved:
            prompts[document.id] = (digest, prompt)

    # Ask, save, and stop early where nothing comes of it
    mend(path)
    key = find_key(config)
    console.say(f"  asking {config.host} for questions and answers")
    told = in_parallel(
        list(prompts),
        lambda name: complete(config, key, prompts[name][1]),
        config.parallel,
    )
    done = sum(before.counts.values())
    with console.progress("asking", len(prompts), "documents") as bar:
        for count, (name, answer) in enumerate(told, start=done + 1):
            digest = prompts[name][0]
            reply = Reply(digest, name, answer.text, answer.fault)
            append_jsonl(path, msgspec.to_builtins(reply))
            saved[digest] = reply
            bar.advance()
            if count == PATIENCE:
                useful(gather(documents, config, saved), path)
    return useful(gather(documents, config, saved), path)


def useful(found: Writings, path: Path) -> Writings:
    """Give what was found, unless all of many replies are useless.

    Raises:
        DataError: says how one of them begins.
    """
    answered = sum(found.counts.values())
    enough = answered >= PATIENCE or answered and not found.missing
    if enough and not found.counts[KEPT]:
        raise DataError(
            f"none of {answered:,} replies of the writer is a JSON "
            "list of questions and answers; the first begins "
            f"{found.failed!r}; choose another writer.model, or other "
            f"settings, or delete {path} to ask again"
        )
    return found


def read_replies(path: Path) -> dict[str, Reply]:
    """Read saved replies, by the digest of what was asked.

    Raises:
        CorruptFileError: a line is no reply.
    """
    try:
        saved = msgspec.convert(read_jsonl(path), list[Reply])
    except msgspec.ValidationError as error:
        raise CorruptFileError(
            f"{path} holds what is no reply ({error}); delete that line"
        ) from error
    return {reply.asked: reply for reply in saved}


def mend(path: Path) -> None:
    """Cut off a torn last line, which would spoil the next one."""
    if not path.exists() or path.read_bytes().endswith(b"\n"):
        return
    whole = (
        json.dumps(record, ensure_ascii=False) + "\n"
        for record in read_jsonl(path)
    )
    write_text(path, "".join(whole))


def in_parallel(
    waiting: Sequence[str], ask: Callable[[str], Answer], threads: int
) -> Iterator[tuple[str, Answer]]:
    """Give each name with its answer, as answers come.

    The first error ends it. Nobody asks on before an answer was taken,
    so that whoever takes no more is asked for no more. The threads do
    not keep the program from ending: no user waits for a server that
    hangs.
    """
    names: queue.SimpleQueue[str] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[str, Answer | Exception]]
    done, stop = queue.SimpleQueue(), threading.Event()
    turns = threading.Semaphore(threads)
    for name in waiting:
        names.put(name)

    def work() -> None:
        while turns.acquire() and not stop.is_set():
            try:
                name = names.get_nowait()
            except queue.Empty:
                return
            try:
                done.put((name, ask(name)))
            except Exception as error:
                stop.set()
                done.put((name, error))

    # Hand on what they bring
    for _ in range(min(threads, len(waiting))):
        threading.Thread(target=work, daemon=True).start()
    try:
        for _ in waiting:
            name, answer = done.get()
            if isinstance(answer, Exception):
                raise answer
            yield name, answer
            turns.release()
    finally:
        stop.set()
        turns.release(threads)
