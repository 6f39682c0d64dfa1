import json
from pathlib import Path

import pytest

from hornbook.base.errors import CorruptFileError, DataError
from hornbook.model.count import parameters
from hornbook.press.run_folder import Run, find_run, read_model


def test_a_run_reads_what_it_is_asked_for(run_folder: Path) -> None:
    run = Run(run_folder)
    steps, loss = run.metrics("loss")
    assert steps.tolist() == list(range(20))
    assert loss[1] == 3.0
    assert run.parameters == parameters(run.model)
    assert run.card["sources"][0]["name"] == "tales"
    assert run.has("corpus/card.json")
    assert not run.has("scaling/fit.json")


def test_a_missing_key_of_the_log_fails_by_name(
    run_folder: Path,
) -> None:
    said = "no 'heldout_bpb'; it has .*loss"
    with pytest.raises(DataError, match=said):
        Run(run_folder).metrics("heldout_bpb")


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"config": {"layers": 0}}']
)
def test_a_damaged_model_file_is_told(
    run_folder: Path, text: str
) -> None:
    path = run_folder / "model.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Exception, match="model"):
        read_model(run_folder)


def test_a_bare_configuration_is_read_too(run_folder: Path) -> None:
    path = run_folder / "model.json"
    table = json.loads(path.read_text(encoding="utf-8"))["config"]
    wanted = read_model(run_folder)
    path.write_text(json.dumps(table), encoding="utf-8")
    assert read_model(run_folder) == wanted


def test_no_model_file_fails(tmp_path: Path) -> None:
    with pytest.raises(CorruptFileError, match="model.json is missing"):
        read_model(tmp_path)


def test_a_notebook_finds_the_run_it_lies_in(
    run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HORNBOOK_RUN", raising=False)
    place = run_folder / "book" / "notebooks"
    place.mkdir(parents=True)
    monkeypatch.chdir(place)
    assert find_run().folder == run_folder
    monkeypatch.chdir(run_folder.parent)
    with pytest.raises(DataError, match="HORNBOOK_RUN"):
        find_run()
