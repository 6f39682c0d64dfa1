"""What a fine-tuning learns from: a file's examples, or made ones."""

from pathlib import Path

from hornbook.base.console import console
from hornbook.base.dialogue import Dialogue
from hornbook.base.document import Document
from hornbook.base.errors import DataError
from hornbook.corpus.pipeline import read_documents
from hornbook.tuning.config import TuningConfig
from hornbook.tuning.data import read_dialogues, read_labelled
from hornbook.tuning.dialogues import (
    CARD,
    make,
    take_away,
    write_down,
)
from hornbook.tuning.lesson import Lesson
from hornbook.tuning.replies import (
    ask_rest,
    gather,
    read_replies,
    useful,
)
from hornbook.tuning.writer import chosen

TRAIN = "corpus/train.parquet"
REPLIES = "replies.jsonl"


def dialogues_folder(run: Path, name: str) -> Path:
    """Give the place of what a fine-tuning learns from, if made.

    It lies beside the model, whose folder is replaced as a whole.
    """
    return run / "finetune" / f"{name}.dialogues"


def dialogues_of(
    run: Path, config: TuningConfig, seed: int, name: str = "chat"
) -> list[Dialogue]:
    """Give the dialogues of a file, or ones made from a run's text.

    A writer is not asked for anything: its replies must be there.

    Raises:
        DataError: the file or the run's text is missing or damaged,
            or in a language that we cannot ask in; or the writer was
            not asked about all of its documents yet, or in vain.
    """
    if config.data:
        return read_dialogues(Path(config.data))
    documents, written = read_documents(run / TRAIN), None
    if config.writer:
        sent = chosen(documents, config.writer, seed)
        path = dialogues_folder(run, name) / REPLIES
        saved = read_replies(path)
        written = useful(gather(sent, config.writer, saved), path)
        if written.missing:
            raise DataError(
                f"the dialogues of finetune.{name} are not made yet: "
                f"its writer has still to be asked about "
                f"{written.missing:,} of {len(sent):,} documents; "
                f"'hornbook finetune {run}' asks it"
            )
    made = make(documents, config, seed, written)
    return [talk.dialogue for talk in made.talks]


def write_dialogues(lesson: Lesson) -> list[Dialogue]:
    """Give a lesson's dialogues; made ones are written down first.

    A writer is asked about the documents that it has not replied on.

    Raises:
        DataError: as ``dialogues_of``, or no pair is kept.
        NetworkError: the writer cannot be asked.
        RecipeError: the writer's key is missing.
    """
    config, run = lesson.config, lesson.run
    folder = dialogues_folder(run, lesson.name)
    if config.data:
        take_away(folder)
        return read_dialogues(Path(config.data))

    # Ask the writer, if there is one
    documents, written = read_documents(run / TRAIN), None
    if config.writer:
        sent = chosen(documents, config.writer, lesson.seed)
        written = ask_rest(sent, config.writer, folder / REPLIES)

    # Make the dialogues and write them down
    made = make(documents, config, lesson.seed, written)
    write_down(made, folder)
    pairs = made.card["pairs"]
    console.say(
        f"  {pairs['kept']:,} of {pairs['in']:,} pairs of question and "
        f"answer make {len(made.talks):,} dialogues"
    )
    if not made.talks:
        raise DataError(
            f"the documents give no dialogue; {folder / CARD} tells "
            "what became of each pair; give dialogues with 'data'"
        )
    return [talk.dialogue for talk in made.talks]


def labelled_of(run: Path, config: TuningConfig) -> list[Document]:
    """Give the labelled texts of a file, or a run's documents.

    Raises:
        DataError: the file or the run's text is missing or damaged.
    """
    if config.data:
        return read_labelled(Path(config.data))
    return read_documents(run / TRAIN)
