import pytest

from hornbook.base.console import print_result
from hornbook.base.world import World, world

TOLD = {
    "TORCHELASTIC_RUN_ID": "none",
    "RANK": "5",
    "WORLD_SIZE": "8",
    "LOCAL_RANK": "1",
    "LOCAL_WORLD_SIZE": "4",
}


def test_a_process_is_alone_without_torchrun(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    # Other programs use such names for their own ends
    monkeypatch.setenv("RANK", "captain")
    assert world() == World(0, 1, 0, 1, False)


def test_a_process_knows_its_place(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in TOLD.items():
        monkeypatch.setenv(name, value)
    assert world() == World(5, 8, 1, 4, True)
    print_result("said by all")
    monkeypatch.setenv("RANK", "0")
    print_result("said by the first")
    assert capsys.readouterr().out == "said by the first\n"
