"""Which of several processes this is, as torchrun tells it."""

import os

import msgspec


class World(msgspec.Struct, frozen=True):
    """This process among those that were started together."""

    rank: int = 0
    """Its number; the first one, 0, speaks and writes."""
    size: int = 1
    """How many there are."""
    local_rank: int = 0
    """Its number on this machine, which is also its GPU's."""
    local_size: int = 1
    """How many there are on this machine."""
    launched: bool = False
    """Whether torchrun started it, be it alone."""


def world() -> World:
    """Read what torchrun wrote into the environment.

    Without torchrun a process is alone.
    """
    told = os.environ
    if "TORCHELASTIC_RUN_ID" not in told:
        return World()
    return World(
        rank=int(told["RANK"]),
        size=int(told["WORLD_SIZE"]),
        local_rank=int(told["LOCAL_RANK"]),
        local_size=int(told["LOCAL_WORLD_SIZE"]),
        launched=True,
    )
