r"""Curate a corpus five times as large as the memory it is given.

    python benchmarks/beyond_memory.py make FOLDER --data ../shared/data
    python benchmarks/beyond_memory.py run FOLDER --gigabytes 1

``make`` writes 5.2 GB of JSONL: texts of sentences drawn by seed from
books, of which one in twenty stands there twice as it is and one in
twenty again with a fiftieth of its words changed. ``run`` curates it
with a control group's limit on the memory of all processes together
(as root, on Linux), and prints what was kept, how long it took and the
most memory that the group has held.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

SEED = 7
SENTENCES = 25
EXACT, NEAR, CHANGED = 0.05, 0.05, 0.02
FILE_BYTES = 100_000_000
GROUPS = Path("/sys/fs/cgroup/memory")

RECIPE = """\
name = "large"
[corpus]
[[corpus.source]]
kind = "folder"
path = "text"
[corpus.rules]
names = ["gopher"]
[corpus.privacy]
kinds = ["email", "phone", "iban", "card", "ip", "secret"]
"""


def make(folder: Path, data: Path, gigabytes: float) -> None:
    """Write the texts, a file of 100 MB after the other."""
    chance = np.random.default_rng(SEED)
    books = sorted((data / "corpora" / "children").glob("*.md"))
    pool = [
        " ".join(sentence.split())
        for book in books
        for sentence in re.split(
            r"(?<=[.!?])\s+", book.read_text(encoding="utf-8")
        )
        if 40 < len(sentence) < 400
    ]
    text = folder / "text"
    text.mkdir(parents=True, exist_ok=True)
    (folder / "large.toml").write_text(RECIPE, encoding="utf-8")
    written = number = 0
    while written < gigabytes * 1e9:
        file = text / f"{number:03}.jsonl"
        written += write_file(file, pool, chance)
        number += 1
    print(json.dumps({"bytes": written, "files": number}))


def write_file(
    file: Path, pool: list[str], chance: np.random.Generator
) -> int:
    """Write one file; give its bytes."""
    size = 0
    with file.open("w", encoding="utf-8") as out:
        while size < FILE_BYTES:
            drawn = chance.integers(len(pool), size=SENTENCES)
            text = " ".join(pool[i] for i in drawn)
            texts, luck = [text], chance.random()
            if luck < EXACT:
                texts.append(text)
            elif luck < EXACT + NEAR:
                texts.append(changed(text, chance))
            for each in texts:
                line = json.dumps({"text": each}) + "\n"
                size += out.write(line)
    return size


def changed(text: str, chance: np.random.Generator) -> str:
    """Put other words in the place of some."""
    words = text.split(" ")
    for place in range(len(words)):
        if chance.random() < CHANGED:
            words[place] = words[chance.integers(len(words))]
    return " ".join(words)


def run(folder: Path, gigabytes: float) -> None:
    """Curate within the limit; print what came of it."""
    group = GROUPS / "hornbook-beyond"
    group.mkdir(exist_ok=True)
    limit = group / "memory.limit_in_bytes"
    limit.write_text(str(round(gigabytes * 1e9)), encoding="utf-8")
    peak = group / "memory.max_usage_in_bytes"
    peak.write_text("0", encoding="utf-8")
    shutil.rmtree(folder / "runs", ignore_errors=True)

    def join() -> None:
        tasks = group / "cgroup.procs"
        tasks.write_text(str(os.getpid()), encoding="utf-8")

    before = time.perf_counter()
    call = [sys.executable, "-m", "hornbook", "curate", "large.toml"]
    subprocess.run(call, cwd=folder, preexec_fn=join, check=True)
    seconds = time.perf_counter() - before
    card = folder / "runs" / "large" / "corpus" / "card.json"
    documents = json.loads(card.read_text("utf-8"))["documents"]
    most = int(peak.read_text("utf-8"))
    print(
        json.dumps(
            {
                "minutes": round(seconds / 60, 1),
                "group_megabytes": round(most / 1e6),
                "documents": documents,
            }
        )
    )


def main() -> None:
    """Make the corpus, or curate it."""
    words = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    words.add_argument("what", choices=["make", "run"])
    words.add_argument("folder", type=Path)
    words.add_argument("--data", type=Path, default=Path())
    words.add_argument("--gigabytes", type=float, default=0.0)
    given = words.parse_args()
    if given.what == "make":
        make(given.folder, given.data, given.gigabytes or 5.2)
    else:
        run(given.folder, given.gigabytes or 1.0)


if __name__ == "__main__":
    main()
