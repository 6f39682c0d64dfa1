import msgspec
import pytest

from hornbook.base.errors import RecipeError
from hornbook.corpus.ablation import STEPS, ablations, with_only
from hornbook.corpus.config import CorpusConfig
from hornbook.corpus.decontaminate import DecontaminationConfig
from hornbook.corpus.language import LanguageConfig
from hornbook.corpus.origin import SourceConfig
from hornbook.corpus.perplexity import PerplexityConfig
from hornbook.corpus.privacy import PrivacyConfig
from hornbook.corpus.quality import QualityConfig
from hornbook.corpus.rules import RulesConfig

PLAIN = CorpusConfig(
    source=(SourceConfig(kind="folder", path="texts"),),
    heldout_documents=7,
)
WHOLE = msgspec.structs.replace(
    PLAIN,
    rules=RulesConfig(cuts=("c4",), least_characters=80),
    language=LanguageConfig(keep=("en",)),
    perplexity=PerplexityConfig(good="good"),
    quality=QualityConfig(examples="marked.jsonl"),
    decontaminate=DecontaminationConfig(),
    privacy=PrivacyConfig(kinds=("email",)),
    common_paragraphs=5,
)


def test_each_step_stands_alone_between_none_and_all() -> None:
    found = ablations(WHOLE)
    raw = found["raw"]
    assert list(found) == ["raw", *STEPS, "all"]
    assert found["all"] == WHOLE
    for name, config in found.items():
        if name not in ("raw", "all"):
            on = {n for n in STEPS if with_only(config, n) != raw}
            assert on == {name}
        assert config.source == WHOLE.source
        assert config.heldout_documents == 7
        assert config.rules.least_characters == 80
    alone = found["near_duplicate"]
    assert alone.near_duplicate == 0.8 and not alone.exact_duplicate
    assert alone.rules.names == () and alone.privacy.kinds == ()


def test_every_key_that_changes_text_is_a_step() -> None:
    raw = ablations(WHOLE)["raw"]
    assert raw == CorpusConfig(
        source=PLAIN.source,
        heldout_documents=7,
        rules=RulesConfig(names=(), least_characters=80),
        exact_duplicate=False,
        near_duplicate=0.0,
    )


def test_a_step_that_is_off_is_no_variant() -> None:
    assert list(ablations(PLAIN)) == [
        "raw", "rules", "exact_duplicate", "near_duplicate", "all",
    ]


def test_an_only_step_is_all_of_them() -> None:
    alone = with_only(WHOLE, "privacy")
    assert list(ablations(alone)) == ["raw", "all"]


def test_nothing_to_compare_is_told() -> None:
    with pytest.raises(RecipeError, match="no step") as told:
        ablations(with_only(WHOLE))
    assert "near_duplicate" in str(told.value)
