from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from model.own_attentions import FILE

Make = Callable[..., Any]


@pytest.fixture(autouse=True)
def _no_gradients() -> Iterator[None]:
    """Most of these tests only look; those that learn say so."""
    with torch.no_grad():
        yield


@pytest.fixture(
    scope="session", params=["gpt2", "llama", "qwen3", "nanochat"]
)
def form(request: pytest.FixtureRequest) -> str:
    """One of the published families."""
    return str(request.param)


@pytest.fixture(scope="session")
def make() -> Make:
    """Builds a small model of a form, with weights all alive."""
    from hornbook.model.config import make_config
    from hornbook.model.transformer import Transformer

    shape = {
        "vocab_size": 40,
        "layers": 2,
        "width": 16,
        "heads": 4,
        "hidden": 24,
        "context": 16,
    }

    def build(form: str, **more: Any) -> Transformer:
        model = Transformer(make_config(form=form, **shape | more))
        random = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for weight in model.parameters():
                noise = torch.randn(weight.shape, generator=random)
                weight.copy_((weight.dim() < 2) + 0.3 * noise)
        return model.eval()

    return build


@pytest.fixture(scope="session")
def ids() -> Tensor:
    """Two rows of tokens that fill the small models' context."""
    random = torch.Generator().manual_seed(0)
    return torch.randint(40, (2, 16), generator=random)


@pytest.fixture
def own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work beside a file of attentions, known to no other process."""
    from hornbook.model import own_code

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HORNBOOK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(own_code, "CODES", {})
    Path("mine.py").write_text(FILE, encoding="utf-8")
