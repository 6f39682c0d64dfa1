"""What every text goes through, one after the other, in one process.

Each step is a small function of a text and its own table of the
recipe. It finds nothing, or says in words why the text goes; the first
finding counts. Two steps change a text: lines are cut out of it, and
personal data gives way to words that stand for it.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import msgspec

from hornbook.base.console import console
from hornbook.base.errors import DataError
from hornbook.corpus.clean import clean
from hornbook.corpus.config import CorpusConfig
from hornbook.corpus.decontaminate import (
    Index,
    Item,
    build_index,
    judge_contamination,
)
from hornbook.corpus.language import judge_language
from hornbook.corpus.origin import SourceConfig
from hornbook.corpus.perplexity import (
    NgramModel,
    fit_ngrams,
    judge_perplexity,
)
from hornbook.corpus.privacy import mask
from hornbook.corpus.quality import (
    QualityModel,
    fit_quality,
    judge_quality,
)
from hornbook.corpus.read import read_unit
from hornbook.corpus.rules import Rule, cut_lines, judge
from hornbook.corpus.sources import find_units

PERPLEXITY, QUALITY, ITEMS = (
    "perplexity.safetensors",
    "quality.safetensors",
    "items.safetensors",
)
GOOD, BAD = "good", "bad"


class Verdict(msgspec.Struct, frozen=True):
    """A text after all steps, and why it goes, if it does."""

    text: str
    rule: str = ""
    finding: str = ""
    language: str = ""
    private: dict[str, int] = {}
    """How many personal items of each kind were masked."""
    cuts: dict[str, int] = {}
    """How many lines each cut took out."""


class Steps:
    """The steps of a recipe, with what was prepared for them."""

    def __init__(
        self,
        config: CorpusConfig,
        rules: Mapping[str, Rule],
        tools: str,
    ) -> None:
        """Take the recipe's table; ``tools`` is the folder prepared."""
        self._config, self._rules = config, rules
        self._tools = Path(tools)

    def __call__(self, text: str, language: str = "") -> Verdict:
        """Lead a text through; ``language`` is what its source says."""
        config = self._config
        text, cuts = cut_lines(text, config.rules)
        if config.language.keep or not language:
            language, finding = judge_language(text, config.language)
            if finding:
                return Verdict(text, "language", finding, language)
        rule, finding = judge(
            text, config.rules, self._rules, language
        )
        if not rule:
            rule, finding = self._judge_learnt(text)
        if rule:
            return Verdict(text, rule, finding, language, {}, cuts)
        text, private = mask(text, config.privacy.kinds)
        return Verdict(text, "", "", language, private, cuts)

    def _judge_learnt(self, text: str) -> tuple[str, str]:
        """Ask the models and the list, those that the recipe has."""
        config = self._config
        finding = ""
        if config.perplexity:
            finding = judge_perplexity(
                text, self._ngrams, config.perplexity
            )
            if finding:
                return "perplexity", finding
        if config.quality:
            finding = judge_quality(text, self._good, config.quality)
            if finding:
                return "quality", finding
        if config.decontaminate:
            finding = judge_contamination(text, self._items)
        return ("contaminated", finding) if finding else ("", "")

    @cached_property
    def _ngrams(self) -> NgramModel:
        """Open the model of good text."""
        return NgramModel.load(self._tools / PERPLEXITY)

    @cached_property
    def _good(self) -> QualityModel:
        """Open the model of good and bad text."""
        return QualityModel.load(self._tools / QUALITY)

    @cached_property
    def _items(self) -> Index:
        """Open the index of benchmark items."""
        return Index.load(self._tools / ITEMS)


def prepare(
    config: CorpusConfig, items: Sequence[Item], seed: int, tools: Path
) -> None:
    """Learn and list what the steps need, before any text is read.

    Raises:
        DataError: examples are missing, too few, or all alike; or
            there is no item to search for.
    """
    # Learn what good text is like
    if config.perplexity and not (tools / PERPLEXITY).exists():
        good = list(each_example(config.perplexity.good))
        model = fit_ngrams(good, config.perplexity)
        model.save(tools / PERPLEXITY)
        console.say(
            f"  {model.about.examples:,} good texts, median perplexity "
            f"{model.about.median:.0f}"
        )
    if config.quality and not (tools / QUALITY).exists():
        judge_ = fit_quality(
            *marked_examples(config), config.quality, seed
        )
        judge_.save(tools / QUALITY)
        low, high = judge_.interval
        console.say(
            f"  good from bad text: {judge_.accuracy:.1%} right on "
            f"examples kept out ({low:.1%} to {high:.1%})"
        )

    # List the items of the benchmarks
    if config.decontaminate and not (tools / ITEMS).exists():
        if not items:
            raise DataError(
                "corpus.decontaminate: no benchmark item to search "
                "for; name 'tasks' there or in [evaluation]"
            )
        index = build_index(items, config.decontaminate)
        index.save(tools / ITEMS)
        short = sum(index.too_short.values())
        console.say(
            f"  {len(items):,} benchmark items to search for"
            + (f", {short:,} of them too short" if short else "")
        )


def marked_examples(
    config: CorpusConfig,
) -> tuple[list[str], list[str]]:
    """Read the good and the bad examples of the quality step.

    Raises:
        DataError: the examples are not there, or have no such label.
    """
    quality = config.quality
    assert quality is not None
    if not quality.examples:
        return (
            list(each_example(quality.good)),
            list(each_example(quality.bad)),
        )
    marked: dict[str, list[str]] = {GOOD: [], BAD: []}
    for text, label in labelled(quality.examples):
        if label not in marked:
            raise DataError(
                f"corpus.quality.examples: a label is {label!r}; write "
                f"{GOOD!r} or {BAD!r}"
            )
        marked[label].append(text)
    return marked[GOOD], marked[BAD]


def each_example(path: str) -> Iterator[str]:
    """Give the texts of a file or a folder, cleaned."""
    return (text for text, _ in labelled(path))


def labelled(path: str) -> Iterator[tuple[str, str]]:
    """Give the texts of a file or a folder, with their labels.

    Raises:
        DataError: there is nothing there that could be read.
    """
    place = Path(path).expanduser()
    if not place.exists():
        raise DataError(
            f"there are no examples at {path!r}; correct the path, "
            "which is seen from the current folder"
        )
    folder = place.parent if place.is_file() else place
    source = SourceConfig(
        kind="folder", path=str(folder), topic="label", title=""
    )
    problems: Counter[str] = Counter()
    for unit in find_units(0, source, folder):
        if place.is_file() and unit.label != place.name:
            continue
        for raw in read_unit(unit, source):
            problems[raw.problem] += 1
            if not raw.problem:
                yield clean(raw.text), raw.topic
    del problems[""]
    for problem, count in problems.items():
        console.warn(f"{count:,} examples of {path}: {problem}")
