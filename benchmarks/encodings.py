"""Which detector finds the encoding of real texts, and how fast.

    python benchmarks/encodings.py --texts ../texts/languages

The folder holds prose in UTF-8, a file a language: ru.txt, ja.txt ...
Pieces of 200 and 2,000 characters are encoded and have to come back
as they were: another name for an encoding that gives the same text is
no error.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

from hornbook.corpus.encodings import decode

ENCODINGS = {
    "latin-1": ("fr", "de", "es"),
    "cp1252": ("fr", "de", "es"),
    "iso8859-2": ("cs", "pl", "hu"),
    "iso8859-7": ("el",),
    "cp1251": ("ru",),
    "koi8-r": ("ru",),
    "shift_jis": ("ja",),
    "euc-jp": ("ja",),
    "gb18030": ("zh_cn",),
    "big5": ("zh_tw",),
    "euc-kr": ("ko",),
    "utf-16-le": ("ru", "ja", "fr", "zh_cn"),
}
LENGTHS = 200, 2000
PIECES = 40


def charset_normalizer(data: bytes) -> str:
    from charset_normalizer import from_bytes

    best = from_bytes(data).best()
    return best.encoding if best else ""


def resiliparse(data: bytes) -> str:
    from resiliparse.parse.encoding import detect_encoding

    return detect_encoding(data, html5_compatible=False) or ""


def decoded_by(
    detect: Callable[[bytes], str],
) -> Callable[[bytes], str]:
    def read(data: bytes) -> str:
        return data.decode(detect(data))

    return read


DETECTORS: dict[str, Callable[[bytes], str]] = {
    "charset-normalizer": decoded_by(charset_normalizer),
    "resiliparse": decoded_by(resiliparse),
    "hornbook": decode,
}


def pieces(text: str, name: str, length: int) -> list[bytes]:
    """Cut a text into pieces that this encoding can and must tell."""
    found = []
    for start in range(0, len(text) - length, length):
        data = text[start : start + length].encode(name, "ignore")
        plain = data.isascii() and "16" not in name
        if not plain and len(found) < PIECES:
            found.append(data)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=Path, required=True)
    folder = parser.parse_args().texts
    print("| encoding | characters | pieces |", *DETECTORS, sep=" | ")
    seconds = dict.fromkeys(DETECTORS, 0.0)
    right = {length: dict.fromkeys(DETECTORS, 0) for length in LENGTHS}
    total = dict.fromkeys(LENGTHS, 0)
    for name, languages in ENCODINGS.items():
        for length in LENGTHS:
            texts = [
                piece
                for language in languages
                if (folder / f"{language}.txt").exists()
                for piece in pieces(
                    (folder / f"{language}.txt").read_text("utf-8"),
                    name,
                    length,
                )
            ]
            row = []
            for detector, read in DETECTORS.items():
                good, began = 0, time.perf_counter()
                for data in texts:
                    try:
                        good += read(data) == data.decode(name)
                    except (ValueError, LookupError):
                        continue
                seconds[detector] += time.perf_counter() - began
                right[length][detector] += good
                row.append(f"{good / max(len(texts), 1):.0%}")
            total[length] += len(texts)
            print("|", name, "|", length, "|", len(texts), "|", *row)
    for length, goods in right.items():
        every = total[length]
        shares = {d: f"{g / every:.1%}" for d, g in goods.items()}
        print(length, shares)
    print({d: f"{s:.1f} s" for d, s in seconds.items()})


if __name__ == "__main__":
    main()
