"""The same corpus on one machine and on a cluster of two nodes."""

import subprocess
import sys
from itertools import product
from pathlib import Path
from random import Random

import pytest

WORDS = ["".join(some) for some in product("bdlms", "aeiou", "knrt")]
CLUSTER = """
import sys
from ray.cluster_utils import Cluster

node = {"num_cpus": 1, "object_store_memory": 80_000_000}
head = {**node, "include_dashboard": False}
head["ray_client_server_port"] = int(sys.argv[1])
cluster = Cluster(initialize_head=True, head_node_args=head)
cluster.add_node(**node)
print("ready", flush=True)
sys.stdin.readline()
cluster.shutdown()
"""
CURATE = """
import sys
from itertools import product
from pathlib import Path
from hornbook.base.errors import NetworkError
from hornbook.corpus import parts
from hornbook.corpus.config import CorpusConfig
from hornbook.corpus.engine import connect, hands
from hornbook.corpus.origin import SourceConfig
from hornbook.corpus.pipeline import curate

parts.PART_BYTES = 100_000
if len(sys.argv) > 3:
    # A slow machine's first server comes too late for Ray's patience
    for attempt in range(3):
        try:
            connect(sys.argv[3])
            break
        except NetworkError:
            if attempt == 2:
                raise
    assert hands() == 2
source = SourceConfig("folder", path=sys.argv[1])
config = CorpusConfig((source,), heldout_documents=20)
curate(config, Path(sys.argv[2]), 0, Path(sys.argv[2]))
"""


@pytest.mark.filterwarnings("ignore")
def test_two_nodes_make_the_corpus_that_one_makes(
    tmp_path: Path, free_tcp_port: int
) -> None:
    pytest.importorskip("ray")
    texts = tmp_path / "texts"
    texts.mkdir()
    for part in range(6):
        # A third of each file stands in the next one, too
        lines = [
            " ".join(Random(n).choices(WORDS, k=160))
            for n in range(part * 40, part * 40 + 60)
        ]
        # Others stand in it a second time with one word changed
        lines += [f"{line} ned" for line in lines[:20]]
        records = (f'{{"text": "{line}"}}' for line in lines)
        (texts / f"{part}.jsonl").write_text(
            "\n".join(records), encoding="utf-8"
        )

    def curate(name: str, *address: str) -> None:
        command = [sys.executable, "-c", CURATE, str(texts)]
        done = subprocess.run(
            [*command, str(tmp_path / name), *address],
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=300,
        )
        assert done.returncode == 0, done.stderr[-2000:]

    curate("one")
    with subprocess.Popen(
        [sys.executable, "-c", CLUSTER, str(free_tcp_port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
    ) as cluster:
        assert cluster.stdout is not None
        while cluster.stdout.readline().strip() != "ready":
            assert cluster.poll() is None
        try:
            curate("two", f"ray://127.0.0.1:{free_tcp_port}")
        finally:
            cluster.communicate("\n", timeout=60)
    for file in (tmp_path / "one" / "corpus").iterdir():
        other = tmp_path / "two" / "corpus" / file.name
        assert file.read_bytes() == other.read_bytes(), file.name
