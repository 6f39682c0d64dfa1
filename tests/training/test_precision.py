import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from hornbook.model.config import make_config
from hornbook.model.transformer import Transformer
from hornbook.training import precision
from hornbook.training.config import TrainingConfig
from hornbook.training.loop import Trainer
from hornbook.training.loss import next_token_loss


@pytest.mark.parametrize(
    ("asked", "flags", "expected"),
    [
        ("fp32", {"amx_bf16"}, torch.float32),
        ("bf16", set(), torch.bfloat16),
        ("fp16", {"amx_bf16"}, torch.float16),
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


@pytest.mark.parametrize("has_bf16", [True, False])
def test_a_gpu_without_bf16_takes_fp16(
    has_bf16: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def supported(including_emulation: bool = True) -> bool:
        # Older GPUs only pretend to have it, and slowly
        return has_bf16 or including_emulation

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    expected = torch.bfloat16 if has_bf16 else torch.float16
    assert precision.number_format("auto") == expected


def test_a_scaled_loss_saves_small_slopes_in_fp16() -> None:
    scale = precision.Scale(torch.float16)
    slopes = []
    for enlarge in (lambda loss: loss, scale.enlarge):
        weight = nn.Parameter(torch.ones(1))
        loss = (weight.half() * 1e-4).float() * 1e-4
        enlarge(loss.sum()).backward()
        slopes.append(weight)
    assert slopes[0].grad == 0
    assert scale.reduce([slopes[1]])
    assert slopes[1].grad is not None
    assert float(slopes[1].grad) == pytest.approx(1e-8, rel=1e-2)


def test_an_overflow_is_left_out_and_halves_the_scale(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(precision, "PATIENCE", 3)
    scale = precision.Scale(torch.float16)
    weight = nn.Parameter(torch.ones(2))

    def enlarged() -> float:
        return float(scale.enlarge(torch.tensor(1.0)))

    assert enlarged() == 2**16
    scale.step(0, 1.0)
    scale.step(1, 1.0)
    weight.grad = torch.tensor([1.0, float("inf")])
    assert not scale.reduce([weight])
    assert enlarged() == 2**15
    # The good steps before it do not count
    for step in range(2):
        scale.step(step, 1.0)
        assert enlarged() == 2**15
    scale.step(2, 1.0)
    assert enlarged() == 2**16


def test_a_broken_slope_is_not_blamed_on_a_scale_of_one() -> None:
    scale = precision.Scale(torch.float16)
    scale.memory[0] = 2.0
    weight = nn.Parameter(torch.zeros(1))
    found = []
    for _ in range(3):
        weight.grad = torch.tensor([torch.nan])
        found.append(scale.reduce([weight]))
    assert found == [False, True, True]
    assert scale.memory[0] == 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_other_formats_are_not_scaled(dtype: torch.dtype) -> None:
    scale = precision.Scale(dtype)
    loss = torch.tensor(0.3)
    assert scale.enlarge(loss) is loss
    assert (scale.remembered, scale.products) == ([], dtype)


def test_a_training_in_fp16_leaves_out_what_overflows() -> None:
    model = nn.Linear(3, 3, bias=False)
    before = model.weight.detach().clone()
    config = TrainingConfig(
        optimizer="adamw", precision="fp16", batch=2
    )
    sizes = iter([1e3, 1.0])

    def objective(model: nn.Module, x: torch.Tensor) -> torch.Tensor:
        return (model(x) * next(sizes)).float().mean()

    trainer = Trainer(model, objective, config, 9)
    trainer.update({"x": torch.ones(2, 3)})
    assert torch.equal(model.weight, before)
    trainer.update({"x": torch.ones(2, 3)})
    assert not torch.equal(model.weight, before)
    (scale,) = trainer.optimizers[-1].state().values()
    assert scale.tolist() == [2**15, 1]


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
