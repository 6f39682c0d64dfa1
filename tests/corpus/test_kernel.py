from pathlib import Path

import pytest

from hornbook.corpus import kernel as module

SOURCES = Path(module.__file__).parent


def test_all_files_with_kernels_are_named() -> None:
    having = {
        path.name
        for path in SOURCES.glob("*.py")
        if "@kernel" in path.read_text(encoding="utf-8")
    }
    assert having | {"kernel.py"} == set(module.SOURCES)


def test_a_changed_source_has_another_folder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = module.kernel_folder.__wrapped__()
    monkeypatch.setattr(module, "SOURCES", module.SOURCES[1:])
    assert module.kernel_folder.__wrapped__() != before
