"""What all tests share: example data, quick hypothesis, honest skips.

This file must not import hornbook: the hook that checks tensor shapes
is installed only after it has been read.
"""

import fnmatch
import os
import shutil
import tomllib
from collections.abc import Generator
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).parents[1]
SHARED = Path(os.environ.get("HORNBOOK_SHARED", ROOT.parent / "shared"))
CI = os.environ.get("CI") == "true"

hypothesis.settings.register_profile(
    "house",
    deadline=None,
    derandomize=CI,
    max_examples=60,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("house")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of public example data, beside a checkout or none."""
    folder = SHARED / "data"
    if not folder.is_dir():
        pytest.skip("needs the example data; HORNBOOK_SHARED names it")
    return folder


@pytest.fixture(autouse=True)
def _no_strays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep a user's own settings out of the tests."""
    for name in ("HORNBOOK_TEX", "SOURCE_DATE_EPOCH"):
        monkeypatch.delenv(name, raising=False)


TINY = (
    "corpus.heldout_documents=20",
    "tokenizer.vocab_size=300",
    "model.layers=1",
    "model.width=16",
    "model.heads=2",
    "model.context=64",
    "plan.threads=1",
    "scaling.steps=4",
    "pretrain.steps=4",
    "pretrain.batch=4",
    "pretrain.save_seconds=0.001",
    "pretrain.evaluations=0",
    "finetune.topic.steps=2",
    "finetune.chat.steps=2",
    "evaluation.questions=2",
    "evaluation.baseline_questions=1",
    "evaluation.choice_items=2",
    "evaluation.answer_tokens=4",
    "evaluation.tasks=['bits_per_byte', 'topic_accuracy', 'answers']",
    "export.format=native",
)

PROBE = "hornbook.planning.measure.probe"
"""What measures this machine, by its name."""


@pytest.fixture(scope="session")
def tiny() -> tuple[str, ...]:
    """Settings with which ``smoke`` takes seconds."""
    return TINY


@pytest.fixture(scope="session")
def walked_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny run of ``smoke``, up to its export; not to be changed."""
    from hornbook.planning.probe import Probe
    from hornbook.road import run

    folder = tmp_path_factory.mktemp("walked")
    measured = Probe(threads=1, tokens_per_second=1e5)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(PROBE, lambda *_: measured)
        run("smoke", TINY, last="export")
    return folder / "runs" / "smoke"


@pytest.fixture
def run_copy(
    walked_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A tiny run that a test may change, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    copy = Path("runs") / "smoke"
    shutil.copytree(walked_run, copy)
    return copy


def allowed_skips() -> dict[str, str]:
    """Read the patterns of tests that may be skipped, with reasons."""
    path = Path(__file__).with_name("skips.toml")
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    skips = tables.get("skip", [])
    return {item["test"]: item["reason"] for item in skips}


class SkipWatch:
    """Fails a CI session in which a test was skipped unannounced."""

    def __init__(self) -> None:
        self.skipped: dict[str, str] = {}

    def pytest_runtest_logreport(
        self, report: pytest.TestReport
    ) -> None:
        """Note each skipped test and what it says."""
        if report.skipped and not hasattr(report, "wasxfail"):
            self.note(report.nodeid, report.longrepr)

    def pytest_collectreport(
        self, report: pytest.CollectReport
    ) -> None:
        """Note a file that skips itself while it is collected."""
        if report.skipped:
            self.note(report.nodeid, report.longrepr)

    def note(self, nodeid: str, reason: object) -> None:
        """Keep the last part of pytest's account of a skip."""
        words = reason[-1] if isinstance(reason, tuple) else reason
        self.skipped[nodeid] = str(words)

    def unannounced(self) -> dict[str, str]:
        """Give the skipped tests that no pattern allows."""
        allowed = allowed_skips()
        return {
            nodeid: reason
            for nodeid, reason in self.skipped.items()
            if not any(
                fnmatch.fnmatchcase(nodeid, pattern)
                for pattern in allowed
            )
        }

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(
        self, session: pytest.Session
    ) -> Generator[None, None, None]:
        """Turn unannounced skips into a failed session."""
        if self.unannounced():
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        return (yield)

    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter
    ) -> None:
        """Say which skips tests/skips.toml does not know."""
        for nodeid, reason in self.unannounced().items():
            terminalreporter.write_line(
                f"SKIP NOT LISTED in tests/skips.toml: {nodeid}: "
                f"{reason}",
                red=True,
            )


def pytest_configure(config: pytest.Config) -> None:
    """Watch the skips where every test is expected to run."""
    if CI and SHARED.is_dir():
        config.pluginmanager.register(SkipWatch(), "skip-watch")
