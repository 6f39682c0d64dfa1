"""A recipe for a use case, written with its reasons."""

import json
import shlex
from pathlib import Path

from hornbook.base.store import size, write_text
from hornbook.model.count import parameters
from hornbook.planning.draft import Draft
from hornbook.planning.use_case import Survey, UseCase

AIMS = {
    "chat": "a model that answers questions about this text",
    "classify": "a model that names the topic of a text",
    "complete": "a model that goes on with a text in this manner",
}
SCALING_SHARE = 0.2
"""Minutes of small trainings for each minute of pretraining."""
LEAST_SCALING_MINUTES = 0.5
MOST_SCALING_MINUTES = 10.0
METHODS = {"topic": "classify", "chat": "sft"}
HELDOUT_BYTES = 400_000
"""As much text as a score needs; more only takes longer to measure."""
HELDOUT_SHARE = 0.05
RATES = {
    "classify": """\
# Few steps and a new head: smaller steps than reading takes.
lr = 0.01
lr_embedding = 0.01
lr_head = 0.01
""",
    "sft": "",
}
MEANINGS = {
    "topic": "Learn the topics: the names of the sub-folders.",
    "chat": "Learn to answer, from questions made of the documents.",
}


def write_recipe(made: Draft, path: Path) -> None:
    """Write a draft as a recipe, atomically.

    Raises:
        DiskError: the folder cannot be written.
    """
    write_text(path, recipe_text(made, path))


def recipe_text(made: Draft, path: Path | None = None) -> str:
    """Write a draft as a recipe whose comments give its reasons."""
    parts = [
        head(made.case, path or Path(f"{made.case.name}.toml")),
        source_table(made.case, made.found),
        heldout_table(made.found),
        model_tables(made),
        scaling_table(made),
        pretrain_table(made),
        *(
            tuning_table(name, minutes)
            for name, minutes in made.minutes.items()
            if name != "pretrain"
        ),
    ]
    return "\n".join(parts)


def head(case: UseCase, path: Path) -> str:
    """Write what the recipe is for and how it is used."""
    typed = shlex.quote(str(path))
    return f"""\
# {case.name}: {AIMS[case.task]}
#
#   hornbook plan {typed}    what it takes on this machine
#   hornbook run {typed}     the whole road, at once or in bits
#
# Any value can be set for one run: --set pretrain.minutes=5

name = {quoted(case.name)}
seed = 1
"""


def source_table(case: UseCase, found: Survey) -> str:
    """Write where the text lies and what was seen there."""
    about = "about " if found.estimated else ""
    kinds = ", ".join(
        f"{kind} {size(count)}" for kind, count in found.kinds.items()
    )
    amount = f"{about}{size(found.text_bytes)}"
    text = f"{amount} in {found.documents:,} documents"
    cut = ""
    if found.separator:
        cut = f"""\
separator = {quoted(found.separator)}
"""
    if found.cut_characters:
        cut = f"""\
# Few files hold much text: they are cut where paragraphs end.
cut_characters = {found.cut_characters}
"""
    language = ""
    if len(case.languages) == 1:
        language = f"language = {quoted(case.languages[0])}\n"
    return f"""\
# The text: {text}
# ({kinds}). The card and the book print its licence.
[[corpus.source]]
kind = "folder"
path = {quoted(case.text)}
licence = ""  # for instance "CC BY-SA 4.0"; empty: not stated
{language}{cut}"""


def heldout_table(found: Survey) -> str:
    """Write how much of the text is kept from all training."""
    amount = min(HELDOUT_BYTES, HELDOUT_SHARE * found.text_bytes)
    rounded = int(float(f"{amount:.2g}"))
    return f"""\
# At least {size(rounded)} that no model learns from, in a hundred
# documents or more (or a tenth of all): scores are taken there.
[corpus]
heldout_bytes = {rounded}
"""


def model_tables(made: Draft) -> str:
    """Write the vocabulary and the shape, and why they are so."""
    model = made.model
    count = parameters(model)["total"]
    english = set(made.case.languages) == {"en"}
    return f"""\
# A vocabulary grows with the text, as each token must occur often
# enough to be learned, and with the model, whose layers should hold
# most of its weights. Bytes and special tokens are included.
[tokenizer]
vocab_size = {model.vocab_size}
pattern = {quoted("gpt2" if english else "cl100k")}

# {count:,} parameters: the largest of our shapes that can learn
# from this text in this time. It looks back on {model.context} tokens.
[model]
form = {quoted(model.form)}
layers = {model.layers}
width = {model.width}
heads = {model.heads}
context = {model.context}
"""


def scaling_table(made: Draft) -> str:
    """Write how long small models try the text beforehand."""
    minutes = made.minutes["pretrain"] * SCALING_SHARE
    if minutes < LEAST_SCALING_MINUTES:
        return """\
# So short a training is made sooner than it is foretold.
[scaling]
on = false
"""
    return f"""\
# Before it, small models try how loss falls with size and text, and
# foretell what this one will reach, if there is time for a few dozen
# steps of each. This comes on top of its minutes.
[scaling]
minutes = {number(min(minutes, MOST_SCALING_MINUTES))}
"""


def pretrain_table(made: Draft) -> str:
    """Write how long the text is read."""
    context, minutes = made.model.context, number(made.case.minutes)
    return f"""\
# Of {minutes} minutes in all, so many go to reading the text. The plan
# turns them into steps once: on a busier machine these take longer.
# A step learns from {made.batch} rows of {context} tokens.
[pretrain]
minutes = {number(made.minutes["pretrain"])}
batch = {made.batch}
"""


def tuning_table(name: str, minutes: float) -> str:
    """Write the fine-tuning that the task asks for."""
    return f"""\
# {MEANINGS[name]}
[finetune.{name}]
method = {quoted(METHODS[name])}
minutes = {number(minutes)}
{RATES[METHODS[name]]}"""


def quoted(text: str) -> str:
    """Write a string as TOML does."""
    written = json.dumps(text, ensure_ascii=False)
    return written.replace("\x7f", "\\u007f")


def number(value: float) -> str:
    """Write a number without a needless fraction.

    >>> number(8.0), number(7.5)
    ('8', '7.5')
    """
    return f"{value:g}"
