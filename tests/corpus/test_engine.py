import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from hornbook.base.errors import MissingToolError, NetworkError
from hornbook.corpus import engine as engine_room
from hornbook.corpus.engine import connect, engine, hands, spread


class Teller:
    """Says which process it works in."""

    def tell(self, number: int) -> int:
        return os.getpid() + 0 * number


@pytest.fixture
def two_cores(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(engine_room, "cores", lambda: 2)
    yield


@pytest.mark.usefixtures("two_cores")
@pytest.mark.parametrize("pieces", [0, 1, 40])
def test_little_work_stays_in_this_process(pieces: int) -> None:
    daft = engine()
    teller = spread(Teller, pieces)()
    query = daft.from_pydict({"number": list(range(40))})
    query = query.into_batches(1)
    query = query.select(teller.tell(daft.col("number")))
    processes = set(query.to_pydict()["number"])
    if pieces <= 1:
        assert processes == {os.getpid()}
    else:
        assert os.getpid() not in processes
    assert hands() == 2


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(NetworkError, match="ray://HOST:PORT"):
        connect("localhost:10001")


def test_without_ray_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing() -> None:
        raise ImportError("ray")

    monkeypatch.setattr(engine_room, "_ray", missing)
    monkeypatch.setenv(engine_room.RUNNER, engine_room.NATIVE)
    with pytest.raises(MissingToolError, match=r"hornbook\[cluster\]"):
        connect("ray://localhost:10001")


def test_a_cluster_that_is_not_there_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Ray:
        def init(self, address: str) -> None:
            raise ConnectionError(address)

    monkeypatch.setattr(engine_room, "_ray", Ray)
    monkeypatch.setenv(engine_room.RUNNER, engine_room.NATIVE)
    with pytest.raises(NetworkError, match="no cluster answers"):
        connect("ray://localhost:10001")


def test_ray_is_not_loaded_where_nobody_asked_for_it() -> None:
    code = (
        "import sys\n"
        "from hornbook.corpus.engine import engine, hands, computed\n"
        "query = engine().from_pydict({'a': [1]})\n"
        "print(len(computed(query)), hands() > 0, 'ray' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.stdout.split() == ["1", "True", "False"], done.stderr
