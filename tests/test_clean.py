from pathlib import Path

import pytest

from hornbook.base.errors import CorruptFileError, DataError
from hornbook.base.record import load_record
from hornbook.clean import all_runs, delete, find_waste, folder_bytes
from hornbook.road import LOCK


def names(run: Path, **options: bool) -> set[str]:
    """Name what could be deleted of a run."""
    return {
        Path(each.path).relative_to(run.parent).as_posix()
        for each in find_waste([run], **options)
    }


@pytest.fixture
def full(run_copy: Path) -> Path:
    """A finished run with all that a run may leave."""
    for name in ("checkpoints/step-0000009", "book/tex", "book/.cache"):
        place = run_copy / name
        place.mkdir(parents=True, exist_ok=True)
        (place / "file").write_text("x" * 50, encoding="utf-8")
    (run_copy / "book/book.pdf").write_text("%PDF", encoding="utf-8")
    return run_copy


def test_only_what_nobody_needs_is_listed(full: Path) -> None:
    found = names(full)
    assert {"smoke/checkpoints/step-0000009", "smoke/book/tex"} <= found
    kept = ("smoke/finetune/chat", "smoke/evaluation", "smoke/corpus")
    assert not found & {"smoke/checkpoints/base", "smoke/export", *kept}
    sizes = {w.path: w.bytes for w in find_waste([full])}
    assert sizes[str(full / "book/tex")] == 50


def test_an_unfinished_training_keeps_its_checkpoints(
    full: Path,
) -> None:
    record = load_record(full)
    record.stages.pop("pretrain")
    record.save()
    assert not any("checkpoints/step" in n for n in names(full))


def test_the_texts_of_a_finished_ablation_can_go(full: Path) -> None:
    place = full / "ablation"
    (place / "raw" / "corpus").mkdir(parents=True)
    assert "smoke/ablation/raw" not in names(full)
    (place / "ablation.json").write_text("{}", encoding="utf-8")
    found = {n for n in names(full) if "ablation" in n}
    assert found == {"smoke/ablation/raw"}


def test_models_and_reports_survive(full: Path) -> None:
    before = {p for p in full.rglob("*") if p.is_file()}
    waste = find_waste([full])
    freed = delete(waste, [full])
    assert freed == sum(each.bytes for each in waste) > 0
    gone = [
        path.relative_to(full).as_posix()
        for path in before
        if not path.exists()
    ]
    spare = ("checkpoints/step-", "book/tex", "book/.cache")
    assert gone
    assert all(
        name.startswith(spare) or ".checkpoints/" in name
        for name in gone
    )
    assert find_waste([full]) == []


def test_all_gives_up_the_run(full: Path) -> None:
    assert names(full, all_=True) == {"smoke"}
    delete(find_waste([full], all_=True), [full])
    assert not full.exists() and all_runs() == []


def test_the_cache_is_named_only_when_asked(
    full: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = full.parent.parent / "cache"
    (cache / "wheels").mkdir(parents=True)
    (cache / "wheels" / "w").write_text("abc", encoding="utf-8")
    monkeypatch.setenv("HORNBOOK_CACHE", str(cache))
    assert str(cache) not in {w.path for w in find_waste([full])}
    (found,) = find_waste([], cache=True)
    assert (found.path, found.bytes) == (str(cache), 3)


def test_a_run_at_work_is_left_alone(full: Path) -> None:
    (full / LOCK).write_text("1", encoding="utf-8")
    with pytest.raises(DataError, match="is at work"):
        delete(find_waste([full]), [full])
    assert (full / "book/tex").exists()


def test_a_link_is_removed_and_not_followed(
    full: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "mine"
    outside.mkdir()
    (outside / "text").write_text("kept", encoding="utf-8")
    (full / "checkpoints/step-0000010").symlink_to(outside.resolve())
    assert folder_bytes(full / "checkpoints/step-0000009") == 50
    delete(find_waste([full]), [full])
    assert (outside / "text").exists()
    assert not (full / "checkpoints/step-0000010").is_symlink()


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    for all_ in (False, True):
        with pytest.raises(CorruptFileError, match="is not a run"):
            find_waste([tmp_path], all_=all_)
