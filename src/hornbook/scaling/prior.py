"""What other runs measured, for the time before this one has."""

from functools import cache
from importlib import resources
from pathlib import Path

import msgspec

from hornbook.scaling.law import ScalingLaw

FILE = "prior.json"


class Prior(msgspec.Struct, frozen=True, kw_only=True):
    """Trainings of other runs, and the law that was fitted to them."""

    made: str
    """How, on what text, with what settings."""
    vocab_size: int
    bytes_per_token: float
    """Bytes of held-out text in one token of those runs."""
    margin: float
    """How far another text may lie beside this one, as a share."""
    points: tuple[tuple[int, int, float], ...]
    """Parameters, tokens and held-out loss of each training."""
    law: ScalingLaw
    """The fit of ``points``; a test makes it again."""


@cache
def load_prior() -> Prior:
    """Read the trainings that ship with Hornbook."""
    path = Path(str(resources.files("hornbook") / "scaling" / FILE))
    return msgspec.json.decode(path.read_bytes(), type=Prior)
