import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from hornbook.corpus import packed
from hornbook.corpus.extract import Raw
from hornbook.corpus.origin import SourceConfig
from hornbook.corpus.packed import Member
from hornbook.corpus.read import read_unit
from hornbook.corpus.sources import find_units

HAT = b"A hat keeps the head warm."


def read_folder(path: Path, **options: object) -> list[Raw]:
    source = SourceConfig(kind="folder", path=str(path), **options)
    return [
        raw
        for unit in find_units(0, source, path)
        for raw in read_unit(unit, source)
    ]


def zipped(members: dict[str, bytes]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return data.getvalue()


def tarred(members: dict[str, bytes]) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for name, content in members.items():
            about = tarfile.TarInfo(name)
            about.size = len(content)
            archive.addfile(about, io.BytesIO(content))
        link = tarfile.TarInfo("link.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return data.getvalue()


def zst(data: bytes) -> bytes:
    return pa.compress(data, codec="zstd", asbytes=True)


PACKERS = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zst,
}


@pytest.mark.parametrize("packing", sorted(PACKERS))
def test_compressed_files_are_read(
    tmp_path: Path, packing: str
) -> None:
    pack = PACKERS[packing]
    (tmp_path / f"red_hat.txt{packing}").write_bytes(pack(HAT))
    lines = b'{"text": "one"}\n{"text": "two"}\n'
    (tmp_path / f"z.jsonl{packing}").write_bytes(pack(lines))
    tar = pack(tarred({"in/a.txt": HAT}))
    (tmp_path / f"a.tar{packing}").write_bytes(tar)
    raws = read_folder(tmp_path)
    assert [r.text for r in raws if not r.problem] == [
        HAT.decode(), HAT.decode(), "one", "two",
    ]  # fmt: skip
    assert [r.title for r in raws][2] == "red hat"
    assert raws[0].member == "/in/a.txt"
    assert raws[1].problem == "not a regular file"


def test_members_of_a_zip_lead_nowhere(tmp_path: Path) -> None:
    inside = {
        "inner/name.txt": HAT,
        "../../etc/evil.txt": HAT,
        "__MACOSX/._name.txt": b"\0",
        "picture.png": b"x",
        "deep.zip": zipped({"b.md": b"# Caps\n\nWarm."}),
    }
    (tmp_path / "a.zip").write_bytes(zipped(inside))
    raws = {raw.member: raw for raw in read_folder(tmp_path)}
    assert raws["/inner/name.txt"].text == HAT.decode()
    assert raws["/etc/evil.txt"].text == HAT.decode()
    assert "png" in raws["/picture.png"].problem
    assert raws["/deep.zip/b.md"].title == "Caps"
    assert len(raws) == 4
    assert [p.name for p in tmp_path.iterdir()] == ["a.zip"]


def test_archives_too_deep_are_named(tmp_path: Path) -> None:
    deep = zipped({"c.txt": HAT})
    for name in ("b.zip", "a.zip"):
        deep = zipped({name: deep, "good.txt": HAT})
    (tmp_path / "top.zip").write_bytes(deep)
    raws = {raw.member: raw for raw in read_folder(tmp_path)}
    assert raws["/a.zip/b.zip"].problem == packed.TOO_DEEP
    assert raws["/good.txt"].text == HAT.decode()


def test_an_archive_that_holds_itself_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each opening of a quine gives the same archive again."""
    whole = zipped({"a.txt": HAT})

    def loop(file: object, budget: object) -> Iterator[Member]:
        yield Member("/r.zip", "r.zip", io.BytesIO(whole))

    monkeypatch.setitem(packed.ARCHIVES, ".zip", loop)
    (tmp_path / "r.zip").write_bytes(whole)
    (raw,) = read_folder(tmp_path)
    assert raw.member == "/r.zip/r.zip"
    assert raw.problem == packed.TOO_DEEP


@pytest.mark.parametrize("name", ["a.zip", "a.txt.gz", "a.tar.xz"])
def test_bombs_are_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(packed, "FREE_BYTES", 1000)
    bomb = b"0" * 5_000_000
    made = {
        "a.zip": zipped({"good.txt": HAT, "bomb.txt": bomb}),
        "a.txt.gz": gzip.compress(bomb),
        "a.tar.xz": lzma.compress(tarred({"bomb.txt": bomb})),
    }
    (tmp_path / name).write_bytes(made[name])
    raws = read_folder(tmp_path)
    assert raws[-1].problem == packed.HOSTILE
    assert sum(len(raw.text) for raw in raws) < 100


def test_too_many_members_end_the_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed, "MOST_MEMBERS", 3)
    many = {f"{number}.txt": HAT for number in range(9)}
    (tmp_path / "a.zip").write_bytes(zipped(many))
    raws = read_folder(tmp_path)
    assert len(raws) == 4
    assert "more than 3 files" in raws[-1].problem


def test_encrypted_members_are_named(tmp_path: Path) -> None:
    data = bytearray(zipped({"a.txt": HAT}))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "a.zip").write_bytes(bytes(data))
    (raw,) = read_folder(tmp_path)
    assert (raw.member, raw.problem) == ("/a.txt", "encrypted")


@pytest.mark.parametrize("packing", sorted(PACKERS))
def test_torn_files_are_named(tmp_path: Path, packing: str) -> None:
    whole = PACKERS[packing](bytes(range(256)) * 100)
    (tmp_path / f"a.txt{packing}").write_bytes(whole[:-9])
    (tmp_path / "b.zip").write_bytes(zipped({"a.txt": HAT})[:-9])
    (tmp_path / f"c.tar{packing}").write_bytes(b"no such thing")
    raws = read_folder(tmp_path)
    assert [raw.problem for raw in raws] == [packed.DAMAGED] * 3


def test_a_damaged_member_is_named_and_others_read(
    tmp_path: Path,
) -> None:
    data = zipped({"a.txt": HAT, "b.txt": b"Caps are flat."})
    at = data.index(b"a.txt") + len("a.txt")
    (tmp_path / "a.zip").write_bytes(
        data[:at] + b"\xff\xff\xff" + data[at + 3 :]
    )
    bad, good = read_folder(tmp_path)
    assert (bad.member, bad.problem) == ("/a.txt", packed.DAMAGED)
    assert good.text == "Caps are flat."
