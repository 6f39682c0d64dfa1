"""Which kinds of files are read, and by what."""

from hornbook.corpus.extract import (
    READERS,
    Reader,
    read_markdown,
    read_plain,
)
from hornbook.corpus.gutenberg import read_book
from hornbook.corpus.office import OFFICE
from hornbook.corpus.origin import SourceConfig
from hornbook.corpus.packed import ARCHIVES, split_packing

RECORDS = (".jsonl", ".json", ".csv", ".tsv", ".parquet")


def kind_of(name: str) -> str:
    """Give the kind of a file, less its packing.

    >>> kind_of("news.JSONL.gz"), kind_of("books.zip")
    ('.jsonl', '.zip')
    """
    inner, packing = split_packing(name)
    if packing in ARCHIVES:
        return packing
    if packing and inner.lower().endswith(".tar"):
        return ".tar"
    stem, dot, suffix = inner.rpartition(".")
    return (dot + suffix).lower() if stem else ""


def is_read(kind: str, source: SourceConfig) -> bool:
    """Tell whether a source reads files of a kind."""
    if source.kind == "wikipedia":
        return kind == ".xml"
    if kind in ARCHIVES or reader_of(kind, source):
        return True
    return source.kind == "folder" and kind in RECORDS


def is_plain(kind: str, source: SourceConfig) -> bool:
    """Tell whether a file is text that can be read piece by piece."""
    return reader_of(kind, source) in (read_plain, read_markdown)


def reader_of(kind: str, source: SourceConfig) -> Reader | None:
    """Find what reads a file of a kind that is held in memory."""
    if source.kind == "gutenberg":
        return read_book if kind == ".txt" else None
    if source.code and kind in CODE:
        return read_plain
    return READERS.get(kind) or OFFICE.get(kind)


def known_kinds(source: SourceConfig) -> str:
    """List what a source reads, in a line."""
    every = {*READERS, *OFFICE, *RECORDS, *ARCHIVES, ".xml"}
    return " ".join(k for k in sorted(every) if is_read(k, source))


CODE = {
    ".c": "C",
    ".cc": "C++",
    ".cpp": "C++",
    ".cs": "C#",
    ".css": "CSS",
    ".cu": "CUDA",
    ".dart": "Dart",
    ".el": "Lisp",
    ".erl": "Erlang",
    ".ex": "Elixir",
    ".f90": "Fortran",
    ".go": "Go",
    ".h": "C",
    ".hpp": "C++",
    ".hs": "Haskell",
    ".java": "Java",
    ".jl": "Julia",
    ".js": "JavaScript",
    ".kt": "Kotlin",
    ".lisp": "Lisp",
    ".lua": "Lua",
    ".m": "Objective-C",
    ".ml": "OCaml",
    ".php": "PHP",
    ".pl": "Perl",
    ".ps1": "PowerShell",
    ".py": "Python",
    ".r": "R",
    ".rb": "Ruby",
    ".rs": "Rust",
    ".scala": "Scala",
    ".scm": "Scheme",
    ".sh": "Shell",
    ".sql": "SQL",
    ".swift": "Swift",
    ".tex": "TeX",
    ".toml": "TOML",
    ".ts": "TypeScript",
    ".vim": "Vim",
    ".yaml": "YAML",
    ".yml": "YAML",
    ".zig": "Zig",
}
"""The kinds of source code, and their languages."""
