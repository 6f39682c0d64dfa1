"""A dirty corpus, to see which steps of curation help.

    python benchmarks/dirty.py DATA FOLDER
    cd FOLDER && hornbook curate dirty.toml --ablate --minutes 20

DATA holds ``html/`` (pages, gzipped) and ``corpora/children/``. Written
are books in pieces, pages with all that is visible on them, notices on
six documents of ten, a tenth copied as it is and three tenths nearly,
personal data, and one document of garbage for five others.
"""

import gzip
import json
import random
import re
import sys
from pathlib import Path

SEED = 7
BOOKS = 8
PIECE_CHARACTERS = 2500
NOTICES, NOTICED = 6, 0.6
EXACT, NEAR, CHANGED = 0.1, 0.3, 0.02
GARBAGE, PRIVATE = 0.2, 0.3

RECIPE = """\
name = "dirty"
[corpus]
heldout_documents = 120
common_paragraphs = 10
[[corpus.source]]
kind = "folder"
path = "text"
language = ""
[corpus.rules]
cuts = ["c4"]
[corpus.language]
keep = ["en"]
[corpus.privacy]
kinds = ["email", "phone", "iban", "card", "ip", "secret"]
[tokenizer]
vocab_size = 2048
[plan]
threads = 1
[model]
layers = 2
width = 96
heads = 3
context = 128
[pretrain]
minutes = 3
compile = "off"
[scaling]
heldout_bytes = 100000
"""


def main(data: Path, folder: Path) -> None:
    """Write the corpus and its recipe."""
    chance = random.Random(SEED)
    good = [*pieces(data), *pages(data)]
    documents = [dirty(text, good, chance) for text in good]
    count = len(documents)
    chosen = chance.sample(documents, round((EXACT + NEAR) * count))
    exact = round(EXACT * count)
    documents += chosen[:exact]
    documents += [nearly(text, chance) for text in chosen[exact:]]
    documents += [
        garbage(good, chance) for _ in range(round(GARBAGE * count))
    ]
    chance.shuffle(documents)
    (folder / "text").mkdir(parents=True, exist_ok=True)
    lines = (json.dumps({"text": text}) for text in documents)
    (folder / "text" / "all.jsonl").write_text(
        "\n".join(lines), encoding="utf-8"
    )
    (folder / "dirty.toml").write_text(RECIPE, encoding="utf-8")
    size = sum(map(len, documents)) / 1e6
    print(f"{len(documents):,} documents, {size:.2f} M characters")


def pieces(data: Path) -> list[str]:
    """Cut some books into pieces at paragraphs' ends."""
    found = []
    books = sorted((data / "corpora" / "children").glob("*.md"))
    for book in books[:: len(books) // BOOKS][:BOOKS]:
        text = book.read_text("utf-8").partition("-------")[2]
        piece = ""
        for paragraph in re.split(r"\n\s*\n", text):
            piece += " ".join(paragraph.split()) + "\n\n"
            if len(piece) > PIECE_CHARACTERS:
                found.append(piece.strip())
                piece = ""
    return found


def pages(data: Path) -> list[str]:
    """Give all that is visible on each page, menus and all."""
    from resiliparse.extract.html2text import extract_plain_text

    return [
        extract_plain_text(
            gzip.decompress(file.read_bytes()).decode("utf-8", "ignore")
        )
        for file in sorted((data / "html").rglob("*.gz"))
    ]


def dirty(text: str, good: list[str], chance: random.Random) -> str:
    """Add a notice and personal data, now and then."""
    if chance.random() < PRIVATE:
        name = f"{chance.choice('abcdefgh')}{chance.randint(10, 99)}"
        phone = "+44 20 7946 " + f"{chance.randint(0, 999):04}"
        text += f"\n\nWrite to {name}@example.org or call {phone}."
    if chance.random() < NOTICED:
        made = random.Random(chance.randrange(NOTICES))
        words = [made.choice(good).split()[:12] for _ in range(6)]
        notice = ". ".join(" ".join(part) for part in words)
        text = f"{notice}.\n\n{text}"
    return text


def nearly(text: str, chance: random.Random) -> str:
    """Change one word of fifty."""
    words = text.split(" ")
    for place in range(len(words)):
        if chance.random() < CHANGED:
            words[place] = chance.choice(words)
    return " ".join(words)


def garbage(good: list[str], chance: random.Random) -> str:
    """Write what no one would read."""
    size = chance.randint(500, 4000)
    kind = chance.randrange(4)
    if kind == 0:
        return "".join(chance.choices("#{}<>|=^~*_[]0123abc ", k=size))
    if kind == 1:
        letters = "abcdefghijklmnopqrstuvwxyz     "
        return "".join(chance.choices(letters, k=size))
    if kind == 2:
        line = " ".join(chance.choice(good).split()[:9])
        return "\n".join([line] * (size // max(len(line), 1)))
    rows = (f"{chance.random() * 1e6:,.2f}" for _ in range(size // 10))
    return "\n".join(rows)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
