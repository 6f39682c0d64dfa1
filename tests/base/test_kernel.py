from pathlib import Path

from hornbook.base.kernel import compiled, source_folder


def double(number: int) -> int:
    return 2 * number


def test_machine_code_is_kept_in_its_folder(tmp_path: Path) -> None:
    assert compiled(double, tmp_path)(21) == 42
    assert list(tmp_path.glob("**/*double*.nbi"))


def test_a_folder_is_named_by_its_sources(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("1", encoding="utf-8")
    before = source_folder(tmp_path, ["a.py"])
    assert before == source_folder(tmp_path, ["a.py"])
    (tmp_path / "a.py").write_text("2", encoding="utf-8")
    assert before != source_folder(tmp_path, ["a.py"])
