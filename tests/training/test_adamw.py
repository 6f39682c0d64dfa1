import pytest
import torch
from torch import nn

from hornbook.training.adamw import AdamW


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_every_step_is_torchs(decay: float) -> None:
    torch.manual_seed(0)
    start = torch.randn(5, 3), torch.ones(4)
    ours = [nn.Parameter(weight) for weight in start]
    theirs = [nn.Parameter(w.detach().clone()) for w in ours]
    mine = AdamW(ours, 0.01, 0.8, 0.95, decay)
    peer = torch.optim.AdamW(
        theirs, 0.01, (0.8, 0.95), eps=1e-10, weight_decay=decay
    )
    for step in range(8):
        share = 1.0 if step < 4 else 0.5
        for one, two in zip(ours, theirs, strict=True):
            one.grad = torch.randn_like(one)
            two.grad = one.grad.clone()
        mine.step(step, share)
        peer.param_groups[0]["lr"] = 0.01 * share
        peer.step()
        for one, two in zip(ours, theirs, strict=True):
            torch.testing.assert_close(one, two)


def test_the_first_step_is_as_long_as_the_rate() -> None:
    weight = nn.Parameter(torch.zeros(3))
    weight.grad = torch.tensor([1e-3, -5.0, 0.0])
    AdamW([weight], 0.1, 0.9, 0.99).step(0, 1.0)
    expected = torch.tensor([-0.1, 0.1, 0.0])
    torch.testing.assert_close(weight.detach(), expected)


def test_its_memory_is_all_it_needs() -> None:
    torch.manual_seed(0)
    grads = torch.randn(6, 4)
    whole, parted = (nn.Parameter(torch.ones(4)) for _ in range(2))
    one = AdamW([whole], 0.1, 0.9, 0.99, 0.1)
    two = AdamW([parted], 0.1, 0.9, 0.99, 0.1)
    for step, grad in enumerate(grads):
        if step == 3:
            memory = {k: t.clone() for k, t in two.state().items()}
            two = AdamW([parted], 0.1, 0.9, 0.99, 0.1)
            for name, tensor in two.state().items():
                tensor.copy_(memory[name])
        for weight, optimizer in ((whole, one), (parted, two)):
            weight.grad = grad.clone()
            optimizer.step(step, 1.0)
    assert torch.equal(whole, parted)
