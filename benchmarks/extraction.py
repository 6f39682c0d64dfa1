r"""Text taken out of web pages, against what people marked in them.

    python benchmarks/extraction.py \
        --data ../shared/data/html/article-extraction-benchmark

Ours, fast (resiliparse) and careful (trafilatura), beside trafilatura
as its own guide calls it and as datatrove does. A page's score is the
F1 of its words, each as often as it stands there; printed are the
means over all pages of precision, recall and F1, for single words and
for runs of four, which also ask for the order, and the speed.
"""

import argparse
import gzip
import json
import re
import statistics
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

RUNS = [1, 4]


def ours(extractor: str) -> Callable[[bytes], str]:
    """Give the reader of a source that names that extractor."""
    from hornbook.corpus.extract import READERS
    from hornbook.corpus.origin import SourceConfig

    source = SourceConfig(kind="folder", path=".", extractor=extractor)
    return lambda page: READERS[".html"](page, source).text


def guide(page: bytes) -> str:
    """Call trafilatura as its guide does."""
    from trafilatura import extract

    return extract(page.decode("utf-8")) or ""


def datatrove(page: bytes) -> str:
    """Call trafilatura as datatrove does by default."""
    from trafilatura import extract

    text = extract(
        page.decode("utf-8"),
        favor_precision=True,
        include_comments=False,
        deduplicate=True,
    )
    return text or ""


def grams(text: str, size: int) -> Counter[tuple[str, ...]]:
    """Count the runs of so many words."""
    words = re.findall(r"\w+", text.lower())
    size = min(size, len(words)) or 1
    starts = range(len(words) - size + 1)
    return Counter(tuple(words[n : n + size]) for n in starts)


def score(found: str, truth: str, size: int) -> list[float]:
    """Give precision, recall and F1 of one page."""
    given, wanted = grams(found, size), grams(truth, size)
    both = (given & wanted).total()
    if not both:
        empty = float(not given and not wanted)
        return [empty, empty, empty]
    precision, recall = both / given.total(), both / wanted.total()
    return [precision, recall, 2 * both / (given + wanted).total()]


def measure(
    extract: Callable[[bytes], str], pages: list[tuple[bytes, str]]
) -> dict[str, Any]:
    """Score one extractor on all pages."""
    extract(pages[0][0])
    before = time.perf_counter()
    texts = [extract(page) for page, _ in pages]
    seconds = time.perf_counter() - before
    line: dict[str, Any] = {}
    for size in RUNS:
        scores = [
            score(text, truth, size)
            for text, (_, truth) in zip(texts, pages, strict=True)
        ]
        for place, name in enumerate(("precision", "recall", "f1")):
            mean = statistics.fmean(three[place] for three in scores)
            line[f"{name} of {size}"] = round(mean, 4)
    megabytes = sum(len(page) for page, _ in pages) / 1e6
    return {**line, "MB/s": round(megabytes / seconds, 1)}


def main() -> None:
    """Score all, and print a line for each."""
    words = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    words.add_argument("--data", type=Path, required=True)
    given = words.parse_args()
    truth = given.data / "ground-truth.json"
    bodies = json.loads(truth.read_text("utf-8"))
    pages = [
        (
            gzip.decompress(
                (given.data / "html" / f"{name}.html.gz").read_bytes()
            ),
            about["articleBody"],
        )
        for name, about in sorted(bodies.items())
    ]
    sides = {
        "ours, resiliparse": ours("fast"),
        "ours, trafilatura": ours("careful"),
        "trafilatura, its guide": guide,
        "trafilatura, datatrove": datatrove,
    }
    for side, extract in sides.items():
        line = {"extractor": side, **measure(extract, pages)}
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
