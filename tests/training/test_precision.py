import subprocess
import sys
from pathlib import Path

import pytest
import torch

from hornbook.model.config import make_config
from hornbook.model.transformer import Transformer
from hornbook.training import precision
from hornbook.training.config import TrainingConfig
from hornbook.training.loss import next_token_loss


@pytest.mark.parametrize(
    ("asked", "flags", "expected"),
    [
        ("fp32", {"amx_bf16"}, torch.float32),
        ("bf16", set(), torch.bfloat16),
        ("auto", {"avx512_bf16"}, torch.bfloat16),
        ("auto", {"avx2"}, torch.float32),
    ],
)
def test_the_number_format_is_what_the_processor_has(
    asked: str,
    flags: set[str],
    expected: torch.dtype,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from hornbook.base import machine

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(machine, "processor_flags", lambda: flags)
    assert precision.number_format(asked) == expected


def test_matrices_alone_are_multiplied_in_half_precision() -> None:
    here = torch.device("cpu")
    x = torch.ones(2, 2)
    with precision.autocast(torch.bfloat16, here):
        assert (x @ x).dtype == torch.bfloat16
        assert (x + x).dtype == torch.float32
    with precision.autocast(torch.float32, here):
        assert (x @ x).dtype == torch.float32


@pytest.mark.parametrize(
    ("setting", "compiler", "seconds", "expected"),
    [
        ("auto", True, 1e4, True),
        ("auto", True, 1.0, False),
        ("auto", False, 1e4, False),
        ("on", False, 1.0, True),
        ("off", True, 1e4, False),
    ],
)
def test_long_trainings_are_compiled(
    setting: str,
    compiler: bool,
    seconds: float,
    expected: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(precision, "has_compiler", lambda: compiler)
    config = TrainingConfig(compile=setting)
    assert precision.wants_compiling(config, seconds) == expected


def test_without_a_compiler_one_line_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(precision, "has_compiler", lambda: False)
    assert precision.compiled(print, True) is print
    assert "nothing is compiled" in capsys.readouterr().err
    assert precision.compiled(print, False) is print
    assert capsys.readouterr().err == ""


STEPS = """
import resource, sys
import torch
from hornbook.training.precision import hold_memory
if sys.argv[1] == "held":
    hold_memory()
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
before = faults()
for step in range(10):
    torch.ones(16_000_000)
print(faults() - before)
"""


@pytest.mark.skipif(
    sys.platform != "linux", reason="Linux alone is asked for it"
)
def test_memory_that_is_held_is_not_asked_for_anew() -> None:
    def new_pages(how: str) -> int:
        done = subprocess.run(
            [sys.executable, "-c", STEPS, how],
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=True,
        )
        return int(done.stdout)

    assert new_pages("held") < 0.75 * new_pages("freed")


@pytest.mark.compiled
# torch's compiler warns of torch's own habits
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.skipif(
    not precision.has_compiler(), reason="needs a C++ compiler here"
)
def test_a_compiled_objective_gives_the_same_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HORNBOOK_CACHE", str(tmp_path))
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    shape = make_config(vocab_size=23, width=16, layers=1, context=16)
    model = Transformer(shape)
    fast = precision.compiled(next_token_loss, True)
    assert fast is not next_token_loss
    ids = torch.arange(32).reshape(2, 16) % 23
    losses, slopes = [], []
    for objective in (next_token_loss, fast):
        loss = objective(model, ids=ids, targets=ids.roll(-1))
        model.zero_grad()
        loss.backward()
        losses.append(loss.detach())
        slopes.append([w.grad for w in model.parameters()])
    torch.testing.assert_close(*losses)
    torch.testing.assert_close(*slopes, rtol=1e-4, atol=1e-5)
