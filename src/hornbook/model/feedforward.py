"""The feed-forward layer: each place thinks for itself."""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from hornbook.model.config import ModelConfig


class Gelu(nn.Module):
    """Widen, bend softly, narrow again, as GPT-2 does.

    Source: hendrycks2016, the tanh approximation.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.up = nn.Linear(config.width, config.hidden, config.bias)
        self.down = nn.Linear(config.hidden, config.width, config.bias)

    def forward(
        self, x: Float[Tensor, "batch time width"]
    ) -> Float[Tensor, "batch time width"]:
        """Apply the layer to every place alike."""
        hidden = F.gelu(self.up(x), approximate="tanh")
        y: Tensor = self.down(hidden)
        return y


class ReluSquared(nn.Module):
    """Widen, cut negatives and square, narrow again.

    Source: so2021, section 4.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.up = nn.Linear(config.width, config.hidden, config.bias)
        self.down = nn.Linear(config.hidden, config.width, config.bias)

    def forward(
        self, x: Float[Tensor, "batch time width"]
    ) -> Float[Tensor, "batch time width"]:
        """Apply the layer to every place alike."""
        hidden = F.relu(self.up(x)).square()
        y: Tensor = self.down(hidden)
        return y


class SwiGlu(nn.Module):
    """Widen twice; one half decides how much of the other passes.

    Source: shazeer2020, equation 6.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.gate = nn.Linear(config.width, config.hidden, config.bias)
        self.up = nn.Linear(config.width, config.hidden, config.bias)
        self.down = nn.Linear(config.hidden, config.width, config.bias)

    def forward(
        self, x: Float[Tensor, "batch time width"]
    ) -> Float[Tensor, "batch time width"]:
        """Apply the layer to every place alike."""
        hidden = F.silu(self.gate(x)) * self.up(x)
        y: Tensor = self.down(hidden)
        return y


FEEDFORWARD = {"gelu": Gelu, "relu2": ReluSquared, "swiglu": SwiGlu}
