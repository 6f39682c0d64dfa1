"""Export: a finished model as a folder that others can open."""

from pathlib import Path

from hornbook.base.console import console
from hornbook.base.errors import ModelError
from hornbook.base.store import write_text
from hornbook.model.adapter import find_tokenizer
from hornbook.model.exchange import MODEL, save_model, verify
from hornbook.model.find import CONFIG, GGUF, WEIGHTS, find_model
from hornbook.model.transformer import Transformer
from hornbook.tokenizer.tokenizer import Tokenizer

CARD = "README.md"


def export(
    source: str | Path,
    to: str | Path,
    format: str = "hf",
    card: str = "",
) -> dict[str, str]:
    """Write a model and its tokenizer, read them back, and compare.

    ``card`` is Markdown that says what the model is; it lies beside
    the weights as their README. ``gguf`` writes ``model.gguf`` into
    the folder, or the very file that ``to`` names.

    Raises:
        ModelError: the shape fits no family, or the logits differ.
        DiskError: the disk is full; what stood there stays.
    """
    folder, to = find_model(source), Path(to)
    if folder.resolve() in (to.resolve(), (to / MODEL).resolve()):
        raise ModelError(
            f"{to} is the model itself; export it to another folder"
        )
    if to.exists() and not replaceable(to):
        raise ModelError(
            f"{to} holds something that is no model; choose a new "
            "folder"
        )
    model = Transformer.load(folder)
    tok = Tokenizer.load(find_tokenizer(folder))
    save_model(model, to, format, tok)
    verdict = verify(model, to)
    if card and to.is_dir():
        write_text(to / CARD, card)
    console.say(f"  {verdict}")
    return {"format": format, "verdict": verdict}


def replaceable(place: Path) -> bool:
    """Whether a folder is empty or a model, or a file is a model."""
    if not place.is_dir():
        return place.suffix == GGUF
    names = {path.name for path in place.iterdir()}
    whole = {CONFIG, WEIGHTS} <= names or MODEL in names
    return not names or whole
