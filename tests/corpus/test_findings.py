"""Which texts stay out because another corpus holds them out."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hornbook.corpus.ablation import ablations
from hornbook.corpus.config import CorpusConfig
from hornbook.corpus.origin import SourceConfig
from hornbook.corpus.pipeline import curate, read_documents
from hornbook.corpus.privacy import PrivacyConfig
from hornbook.corpus.rules import RulesConfig

Sentences = Callable[..., str]
Write = Callable[..., Path]

NOTICE = "This site uses cookies to give you the best of all sites."


def config_of(folder: Path, **more: Any) -> CorpusConfig:
    """Ask for a text with a clean form that its raw form has not."""
    return CorpusConfig(
        source=(SourceConfig(kind="folder", path=str(folder)),),
        rules=RulesConfig(cuts=("policy_line",)),
        privacy=PrivacyConfig(kinds=("email",)),
        common_paragraphs=3,
        heldout_documents=12,
        **more,
    )


def sides(run: Path) -> tuple[list[str], list[str]]:
    train, heldout = (
        [d.text for d in read_documents(run / "corpus" / name)]
        for name in ("train.parquet", "heldout.parquet")
    )
    return train, heldout


@pytest.mark.usefixtures("small_limits")
def test_what_is_held_out_is_in_no_variant_in_any_form(
    tmp_path: Path, sentences: Sentences, write_jsonl: Write
) -> None:
    # Write texts whose raw forms have other ids than their clean ones
    clean = [sentences(seed) for seed in range(60)]
    near = [text.replace(" ", " very ", 1) for text in clean]
    raw = [
        f"{NOTICE}\n\nAll rights are reserved by us.\n\n{text}\n\n"
        f"Write to a{place}@example.org."
        for place, text in enumerate(clean + near)
    ]
    folder = write_jsonl("texts", [{"text": text} for text in raw])
    config = config_of(folder)
    curate(config, tmp_path / "whole", 0, tmp_path)
    held = read_documents(
        tmp_path / "whole" / "corpus" / "heldout.parquet"
    )
    ends = {text[-80:] for text in clean}
    hidden = {e for e in ends if any(e in d.text for d in held)}
    assert len(held) == len(hidden) == 12

    # All others stay, and nothing is held out anew
    for name, variant in ablations(config).items():
        place = tmp_path / name
        curate(variant, place, 0, tmp_path, held=held)
        train, heldout = sides(place)
        left = {e for e in ends if any(e in text for text in train)}
        assert left == ends - hidden and heldout == []
        once = name in ("near_duplicate", "all")
        assert len(train) == (48 if once else 96)
        dirty = sum("@" in t and NOTICE in t for t in train)
        assert dirty == {"raw": 96}.get(name, dirty)


@pytest.mark.usefixtures("small_limits")
def test_equal_texts_stay_if_that_is_asked(
    tmp_path: Path, sentences: Sentences, write_jsonl: Write
) -> None:
    texts = [sentences(seed) for seed in range(30)]
    folder = write_jsonl("texts", [{"text": t} for t in texts + texts])
    config = msgspec.structs.replace(
        config_of(folder, near_duplicate=0.0, exact_duplicate=False),
        heldout_documents=0,
        heldout_share=0.0,
        common_paragraphs=0,
    )
    card = curate(config, tmp_path / "all", 0, tmp_path)
    assert card["documents"]["kept"] == 60
    assert "exact_duplicate" not in card["documents"]["dropped"]
    once = msgspec.structs.replace(config, exact_duplicate=True)
    card = curate(once, tmp_path / "once", 0, tmp_path)
    assert card["documents"]["kept"] == 30


@pytest.mark.usefixtures("small_limits")
def test_a_title_that_is_held_out_elsewhere_stays_out(
    tmp_path: Path, sentences: Sentences, write_jsonl: Write
) -> None:
    one = [
        {"text": sentences(seed), "title": f"Hat {seed}"}
        for seed in range(20)
    ]
    two = [
        {"text": sentences(100 + seed), "title": f"Hat {seed}"}
        for seed in range(20)
    ]
    config = CorpusConfig(
        source=tuple(
            SourceConfig(kind="folder", path=str(write_jsonl(name, r)))
            for name, r in (("one", one), ("two", two))
        ),
        heldout_from=("one",),
        heldout_documents=5,
    )
    curate(config, tmp_path / "whole", 0, tmp_path)
    held = read_documents(
        tmp_path / "whole" / "corpus" / "heldout.parquet"
    )
    curate(config, tmp_path / "other", 0, tmp_path, held=held)
    for name in ("whole", "other"):
        left = read_documents(tmp_path / name / "corpus/train.parquet")
        assert len(left) == 30
        titles = {d.title for d in left if d.source == "two"}
        assert titles.isdisjoint(d.title for d in held)
