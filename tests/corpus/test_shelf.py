from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hornbook.base.document import document_id
from hornbook.corpus import shelf
from hornbook.corpus.shelf import Shelf

SCHEMA = pa.schema([("id", pa.string()), ("text", pa.string())])
ROWS = [
    {"id": document_id("s", str(n)), "text": f"text {n}"}
    for n in range(500)
]


@pytest.mark.parametrize("boxes", [1, 7, 1000])
def test_everything_comes_out_sorted(
    boxes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf, "BOX_BYTES", 100)
    made = Shelf(tmp_path / "x.parquet", SCHEMA, 100 * (boxes - 1))
    for start in range(0, 500, 60):
        made.add(ROWS[start : start + 60])
    made.close()
    found = pq.read_table(tmp_path / "x.parquet").to_pylist()
    assert found == sorted(ROWS, key=lambda row: row["id"])
    assert [p.name for p in tmp_path.iterdir()] == ["x.parquet"]

    # The digest tells the ids, however many boxes they lay in
    single = Shelf(tmp_path / "y.parquet", SCHEMA, 0)
    single.add(ROWS)
    single.close()
    assert single.digest == made.digest


def test_an_empty_shelf_is_an_empty_table(tmp_path: Path) -> None:
    made = Shelf(tmp_path / "x.parquet", SCHEMA, 0)
    made.add([])
    made.close()
    assert pq.read_table(tmp_path / "x.parquet").num_rows == 0
