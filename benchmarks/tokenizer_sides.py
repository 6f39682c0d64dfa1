"""The tokenizers that `tokenizer.py` lets run in turn.

A child reads one line of words, does that job once with an object of
its own, and answers with a line of JSON. Only the call is timed: texts
are made anew before it, so that no string remembers its UTF-8. Runs in
ours or in a peer's environment.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PLAIN: list[str] = []
"""No special tokens."""

REPEATED = 200
"""How often a short text is encoded."""


def hornbook(folder: Path) -> dict[str, Callable[..., Any]]:
    """Our calls; the tables are laid out before the clock starts."""
    from hornbook.tokenizer.tokenizer import Tokenizer

    cl100k = Tokenizer.load(folder)

    def fresh() -> Tokenizer:
        tok = Tokenizer(cl100k.vocabulary)
        tok.encode_batch(["hat"], threads=1)
        return tok

    def array(texts: list[str], threads: int, tok: Tokenizer) -> Any:
        return tok.encode_batch(texts, threads=threads)

    def lists(texts: list[str], threads: int, tok: Tokenizer) -> Any:
        return [tok.encode(text) for text in texts]

    def train(file: Path, size: int, threads: int) -> Any:
        tok = Tokenizer.train([file], size, "gpt2", (), threads=threads)
        return tok.vocabulary

    def pairs(vocabulary: Any) -> list[list[str]]:
        spell = {
            i: vocabulary.written(t)
            for t, i in vocabulary.tokens.items()
        }
        return [[spell[a], spell[b]] for a, b in vocabulary.merges]

    return {
        "fresh": fresh,
        "array": array,
        "list": lists,
        "train": train,
        "pairs": pairs,
    }


def quicktok(folder: Path) -> dict[str, Callable[..., Any]]:
    import quicktok

    return {
        "fresh": lambda: quicktok.Tokenizer("cl100k_base", ""),
        "array": lambda texts, threads, tok: tok.encode_batch(
            texts, threads
        ),
        "list": lambda texts, threads, tok: [
            tok.encode_ordinary(t) for t in texts
        ],
    }


def tiktoken(folder: Path) -> dict[str, Callable[..., Any]]:
    import tiktoken
    from tiktoken.load import load_tiktoken_bpe
    from tiktoken_ext.openai_public import ENDOFTEXT

    ranks = load_tiktoken_bpe(str(next(folder.glob("*.tiktoken"))))
    pattern = (
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+"
        r"| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
    )

    def fresh() -> Any:
        return tiktoken.Encoding(
            "cl100k",
            pat_str=pattern,
            mergeable_ranks=ranks,
            special_tokens={ENDOFTEXT: 100257},
        )

    return {
        "fresh": fresh,
        "array": lambda texts, _, tok: [
            tok.encode_to_numpy(t) for t in texts
        ],
        "list": lambda texts, _, tok: [
            tok.encode_ordinary(t) for t in texts
        ],
    }


def tokenizers(folder: Path) -> dict[str, Callable[..., Any]]:
    import os

    import tokenizers as hf

    def train(file: Path, size: int, threads: int) -> Any:
        os.environ["RAYON_NUM_THREADS"] = str(threads)
        tok = hf.Tokenizer(hf.models.BPE())
        tok.pre_tokenizer = hf.pre_tokenizers.ByteLevel(False)
        trainer = hf.trainers.BpeTrainer(
            vocab_size=size,
            show_progress=False,
            special_tokens=PLAIN,
            initial_alphabet=hf.pre_tokenizers.ByteLevel.alphabet(),
        )
        tok.train([str(file)], trainer)
        return tok

    def pairs(tok: Any) -> list[list[str]]:
        merges = json.loads(tok.to_str())["model"]["merges"]
        return [
            m.split(" ") if isinstance(m, str) else m for m in merges
        ]

    return {"train": train, "pairs": pairs}


def gigabpe(folder: Path) -> dict[str, Callable[..., Any]]:
    import gigabpe

    def train(file: Path, size: int, threads: int) -> Any:
        return gigabpe.train_bpe(
            [str(file)],
            size,
            special_tokens=PLAIN,
            pretokenizer="bytelevel",
            threads=threads,
        )

    return {
        "train": train,
        "pairs": lambda made: [[*m] for m in made[1]],
    }


def rustbpe(folder: Path) -> dict[str, Callable[..., Any]]:
    import rustbpe

    def train(file: Path, size: int, threads: int) -> Any:
        tok = rustbpe.Tokenizer()
        with file.open(encoding="utf-8", newline="\n") as lines:
            tok.train_from_iterator(lines, size)
        return tok

    return {"train": train, "pairs": lambda tok: []}


def memory(peak: bool = False) -> int:
    """Read what this process holds, or held at most (Linux)."""
    name = "VmHWM:" if peak else "VmRSS:"
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    return 0


def encode(calls: Any, file: Path, how: str, threads: int) -> Any:
    """Encode all texts of a file once."""
    raw = file.read_bytes().split(b"\xff")
    tok = calls["fresh"]()
    texts = [text.decode() for text in raw]
    before = memory()
    Path("/proc/self/clear_refs").write_text("5")
    start = time.perf_counter()
    made = calls[how](texts, threads, tok)
    seconds = time.perf_counter() - start
    grown = memory(peak=True) - before
    return {"seconds": seconds, "memory": grown, "ids": digest(made)}


def digest(made: Any) -> str:
    """Sum up the ids, whatever they lie in."""
    import hashlib

    import numpy as np

    rows = [made[0]] if isinstance(made, tuple) else made
    flat = np.concatenate([np.asarray(row, np.uint32) for row in rows])
    return hashlib.sha256(flat.tobytes()).hexdigest()


def short(calls: Any, file: Path, size: int) -> Any:
    """Encode texts of so many bytes, one call each, into lists."""
    raw = file.read_bytes().replace(b"\xff", b" ")
    parts = range(0, 500 * size, size)
    texts = [
        raw[at : at + size].decode("utf-8", "ignore") for at in parts
    ]
    tok = calls["fresh"]()
    calls["list"](texts, 1, tok)
    best = 1e9
    for _ in range(REPEATED // 10):
        start = time.perf_counter()
        calls["list"](texts, 1, tok)
        best = min(best, time.perf_counter() - start)
    return {"seconds": best / len(texts)}


def train(
    calls: Any, file: Path, size: int, threads: int, kept: Path
) -> Any:
    """Train once; keep the merges for comparison."""
    start = time.perf_counter()
    made = calls["train"](file, size, threads)
    seconds = time.perf_counter() - start
    kept.write_text(json.dumps(calls["pairs"](made)), encoding="utf-8")
    return {"seconds": seconds}


def main() -> None:
    side, folder = sys.argv[1], Path(sys.argv[2])
    calls = SIDES[side](folder)
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        job, file, *words = line.split()
        where = Path(file)
        if job == "encode":
            answer = encode(calls, where, words[0], int(words[1]))
        elif job == "short":
            answer = short(calls, where, int(words[0]))
        else:
            size, threads = int(words[0]), int(words[1])
            answer = train(calls, where, size, threads, Path(words[2]))
        print(json.dumps(answer), flush=True)


SIDES = {
    "hornbook": hornbook,
    "quicktok": quicktok,
    "tiktoken": tiktoken,
    "tokenizers": tokenizers,
    "gigabpe": gigabpe,
    "rustbpe": rustbpe,
}

if __name__ == "__main__":
    main()
