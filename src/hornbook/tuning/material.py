"""What a fine-tuning learns from: a file's examples, or made ones."""

from pathlib import Path

from hornbook.base.dialogue import Dialogue
from hornbook.base.document import Document
from hornbook.corpus.pipeline import read_documents
from hornbook.tuning.config import TuningConfig
from hornbook.tuning.data import read_dialogues, read_labelled
from hornbook.tuning.questions import need_phrases
from hornbook.tuning.synthesize import make_dialogues

TRAIN = "corpus/train.parquet"


def dialogues_of(
    run: Path, config: TuningConfig, seed: int
) -> list[Dialogue]:
    """Give the dialogues of a file, or ones made from a run's text.

    Raises:
        DataError: the file or the run's text is missing or damaged,
            or in a language that we cannot ask in.
    """
    if config.data:
        return read_dialogues(Path(config.data))
    return make_dialogues(
        need_phrases(read_documents(run / TRAIN)),
        seed,
        config.turns,
        config.subjects,
        config.extractive,
    )


def labelled_of(run: Path, config: TuningConfig) -> list[Document]:
    """Give the labelled texts of a file, or a run's documents.

    Raises:
        DataError: the file or the run's text is missing or damaged.
    """
    if config.data:
        return read_labelled(Path(config.data))
    return read_documents(run / TRAIN)
