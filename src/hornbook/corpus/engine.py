"""Daft, the engine of the corpus's queries, quiet and local."""

import os
from types import ModuleType

from hornbook.base.network import quiet_telemetry


def engine() -> ModuleType:
    """Load Daft with its reports, bars and notices switched off.

    The first query binds Daft to its native runner, inside this
    process; a runner that was chosen before (Ray, for a cluster) stays.
    """
    quiet_telemetry()
    os.environ.setdefault("DAFT_PROGRESS_BAR", "0")
    import daft

    return daft
