"""What a recipe says about its text: ``[corpus]`` as a whole."""

import msgspec

from hornbook.base.errors import DataError
from hornbook.base.store import size
from hornbook.corpus.decontaminate import DecontaminationConfig
from hornbook.corpus.language import LanguageConfig
from hornbook.corpus.origin import SourceConfig
from hornbook.corpus.perplexity import PerplexityConfig
from hornbook.corpus.privacy import PrivacyConfig
from hornbook.corpus.quality import QualityConfig
from hornbook.corpus.rules import RulesConfig

LEAST_TEXT_BYTES = 100_000
LEAST_DOCUMENTS = 50
SMALL_TEXT_BYTES = 5_000_000


class CorpusConfig(msgspec.Struct, frozen=True):
    """The recipe's ``[corpus]``: sources, rules, and the split."""

    source: tuple[SourceConfig, ...] = ()
    """Where the text comes from; an earlier source is preferred."""
    rules: RulesConfig = RulesConfig()
    """The limits of the quality rules."""
    language: LanguageConfig = LanguageConfig()
    """Which languages are wanted."""
    perplexity: PerplexityConfig | None = None
    """Text unlike your good examples goes, if you give some."""
    quality: QualityConfig | None = None
    """Text that is rather bad goes, if you mark good and bad."""
    privacy: PrivacyConfig = PrivacyConfig()
    """Which kinds of personal data are masked."""
    decontaminate: DecontaminationConfig | None = None
    """Text that gives a benchmark's items away goes."""
    exact_duplicate: bool = True
    """Of equal texts the first stays; false: all of them, unless
    ``near_duplicate`` finds them."""
    near_duplicate: float = 0.8
    """Two texts that share this much are one; 0 switches it off."""
    near_bands: int = 14
    """MinHash bands; more find more pairs, and compare more in vain."""
    near_rows: int = 8
    """Numbers in each band; more compare less, and find less."""
    common_paragraphs: int = 0
    """A paragraph that so many documents share stays in the first of
    them alone; 0: it stays everywhere."""
    common_lines: int = 0
    """A line that so many documents share, likewise."""
    heldout_share: float = 0.05
    """The share of documents that no model ever learns from, up to
    twenty thousand of them."""
    heldout_documents: int = 0
    """Their number instead of the share; 0: the share counts."""
    heldout_bytes: int = 0
    """Their text instead of the share, in at least a hundred documents
    or a tenth of them; 0: the share counts."""
    heldout_from: tuple[str, ...] = ()
    """The names of the sources to hold out from; none: all."""
    heldout_overlap: float = 0.5
    """Training texts that share so much with a held-out one go."""

    def __post_init__(self) -> None:
        """Refuse impossible shares and names that lead nowhere."""
        for field in ("near_duplicate", "heldout_share"):
            if not 0 <= getattr(self, field) <= 1:
                raise ValueError(f"{field!r} is a share from 0 to 1")
        if not 0 < self.heldout_overlap <= 1:
            raise ValueError("'heldout_overlap' is a share up to 1")
        for field in ("near_bands", "near_rows"):
            if getattr(self, field) < 1:
                raise ValueError(f"{field!r} is a positive number")
        for field in ("heldout_documents", "heldout_bytes"):
            if getattr(self, field) < 0:
                raise ValueError(f"{field!r} cannot be negative")
        for field in ("common_paragraphs", "common_lines"):
            if getattr(self, field) < 0 or getattr(self, field) == 1:
                raise ValueError(
                    f"{field!r} is a number of documents from 2, or 0"
                )


def example_paths(config: CorpusConfig) -> list[str]:
    """Give the paths of all examples that a recipe names."""
    paths = []
    if config.perplexity:
        paths.append(config.perplexity.good)
    if config.quality:
        asked = config.quality
        paths += [asked.good, asked.bad, asked.examples]
    return [path for path in paths if path]


def judge_size(text_bytes: int, documents: int) -> str:
    """Warn of little text, in a sentence; empty where there is enough.

    Planning and curation both ask here, so that a plan never promises
    what curation then refuses.

    Raises:
        DataError: so little text that training on it means nothing.
    """
    if text_bytes < LEAST_TEXT_BYTES or documents < LEAST_DOCUMENTS:
        raise DataError(
            f"{size(text_bytes)} of text in {documents:,} documents is "
            "too little to train on: at least "
            f"{size(LEAST_TEXT_BYTES)} in {LEAST_DOCUMENTS} documents "
            "are needed; add text, or "
            "set 'separator' or 'cut_characters' of a source whose "
            "files hold many documents each"
        )
    if text_bytes < SMALL_TEXT_BYTES:
        return (
            f"{size(text_bytes)} of text is little: below "
            f"{size(SMALL_TEXT_BYTES)} a model learns its letters and "
            "habits, and repeats what it read"
        )
    return ""
