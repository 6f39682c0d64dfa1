"""Daft, the engine of the corpus's queries: here, or on a cluster."""

import os
from importlib import import_module
from types import ModuleType
from typing import Any

from hornbook.base.errors import MissingToolError, NetworkError
from hornbook.base.machine import cores
from hornbook.base.network import quiet_telemetry

CLUSTER = "ray://"
RUNNER = "DAFT_RUNNER"
NATIVE, RAY = "native", "ray"
"""Who runs the queries: this process, or a cluster."""
PIECES = 2


def engine() -> ModuleType:
    """Load Daft with its reports, bars and notices switched off.

    The first query binds Daft to its native runner, inside this
    process; a runner that was chosen before (Ray, for a cluster) stays.
    """
    quiet_telemetry()
    os.environ.setdefault("DAFT_PROGRESS_BAR", "0")
    # Else it would load Ray, wherever it is installed, to ask for it
    os.environ.setdefault(RUNNER, NATIVE)
    import daft

    return daft


def connect(cluster: str) -> None:
    """Have every query that follows run on a Ray cluster.

    Raises:
        MissingToolError: Ray is not installed.
        NetworkError: no cluster answers at that address.
    """
    if not cluster.startswith(CLUSTER):
        raise NetworkError(
            f"{cluster!r} is no address of a cluster; write "
            f"{CLUSTER}HOST:PORT, as 'ray start' prints it"
        )
    os.environ[RUNNER] = RAY
    daft = engine()
    try:
        ray = _ray()
    except ImportError as error:
        raise MissingToolError(
            "a cluster needs Ray; install it with 'pip install "
            "hornbook[cluster]', the same version as the cluster's"
        ) from error
    try:
        ray.init(cluster)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise NetworkError(
            f"no cluster answers at {cluster}; start it with 'ray "
            "start --head' or correct the address"
        ) from error
    daft.set_runner_ray(noop_if_initialized=True)


def hands() -> int:
    """Count the processes that can work at once, here or in all."""
    if not on_cluster():
        return cores()
    return max(1, int(_ray().cluster_resources().get("CPU", 1)))


def on_cluster() -> bool:
    """Tell whether a cluster runs the queries.

    Daft would load Ray to answer that, wherever it is installed.
    """
    return os.environ.get(RUNNER) == RAY


def computed(query: Any) -> Any:
    """Compute a query and keep its result, for others to build on.

    On a cluster joins and unions multiply the pieces of a result, of
    which there need be no more than a few for each processor.
    """
    if not on_cluster():
        return query.collect()
    return query.into_partitions(PIECES * hands()).collect()


def spread(worker: type, pieces: int) -> Any:
    """Let the engine hold as many of a class as there is work for.

    One alone works inside this process; several are processes of their
    own, since Python's lock lets one thread of a process work.
    """
    count = max(1, min(hands(), pieces))
    if count == 1:
        return engine().cls(worker, use_process=False)
    return engine().cls(worker, max_concurrency=count)


def _ray() -> Any:
    """Load Ray, which ships no types."""
    return import_module("ray")
