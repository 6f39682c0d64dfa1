import os
import subprocess
import sys
from pathlib import Path

import pytest

from hornbook.tokenizer import kernel as module

SOURCES = Path(module.__file__).parent
RUN = """
from hornbook.tokenizer.encoder import Encoder
from hornbook.tokenizer.scan import RULES
from hornbook.tokenizer.tokenizer import Tokenizer
tok = Tokenizer.train(["a hat"], 260, "gpt2", ())
print(Encoder(tok.vocabulary, RULES["gpt2"]).encode("a hat"))
"""


def test_all_files_with_kernels_are_named() -> None:
    having = {
        path.name
        for path in SOURCES.glob("*.py")
        if "@kernel" in path.read_text(encoding="utf-8")
        or "@roomy_kernel" in path.read_text(encoding="utf-8")
    }
    assert having | {"kernel.py"} == set(module.SOURCES)


def test_a_changed_source_has_another_folder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = module.kernel_folder.__wrapped__()
    monkeypatch.setattr(module, "SOURCES", module.SOURCES[1:])
    assert module.kernel_folder.__wrapped__() != before


def test_kernels_are_compiled_once_and_that_is_said(
    tmp_path: Path,
) -> None:
    env = os.environ | {"HORNBOOK_CACHE": str(tmp_path)}
    told = [
        subprocess.run(
            [sys.executable, "-c", RUN],
            env=env,
            capture_output=True,
            encoding="utf-8",
            check=True,
        )
        for _ in range(2)
    ]
    assert told[0].stdout == told[1].stdout
    assert "compiling the tokenizer" in told[0].stderr
    assert "compiling" not in told[1].stderr
    assert any(tmp_path.glob("kernels/*/*/*.nbi"))
