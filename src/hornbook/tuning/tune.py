"""Fine-tuning: from a base model to one that is of use."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hornbook.base.console import console
from hornbook.base.dialogue import Dialogue
from hornbook.base.document import Document
from hornbook.base.errors import DataError
from hornbook.base.store import digest_json
from hornbook.inference.generate import chat
from hornbook.model.exchange import find_model
from hornbook.model.transformer import Transformer
from hornbook.tokenizer.tokenizer import Tokenizer
from hornbook.training.loop import Hooks, train
from hornbook.training.loss import next_token_loss
from hornbook.training.precision import wants_compiling
from hornbook.training.pretrain import asked_for
from hornbook.tuning.classify import Classifier, Labelled, class_loss
from hornbook.tuning.config import TuningConfig
from hornbook.tuning.sft import Dialogues, encode, pack

LEAST_CLASSES = 2


def tune_chat(
    run: Path,
    name: str,
    config: TuningConfig,
    dialogues: Sequence[Dialogue],
    steps: int,
    seed: int,
    seconds: float = 0.0,
    source: str = "",
    anew: bool = False,
) -> dict[str, Any]:
    """Teach a model to answer, from dialogues; give its numbers.

    Raises:
        DataError: there is no dialogue, or none fits the context.
        Interrupted: the user stopped it; the same call goes on.
    """
    # Open the model, and pack what it learns from
    base = find_model(f"{run}:{config.base}")
    model, tok = Transformer.load(base), Tokenizer.load(base)
    packed = pack(
        encode(tok, dialogues),
        model.config.context,
        tok.special("<|pad|>"),
    )
    if packed.too_long:
        console.warn(
            f"{packed.too_long:,} of {len(dialogues):,} dialogues are "
            f"longer than {model.config.context} tokens and left out"
        )
    batches = Dialogues(packed, config.batch, seed)
    steps = find_steps(config, steps, len(packed.ids))
    data = digest_json(packed.ids.tolist())

    # Show an answer now and then
    question = dialogues[0].messages[0].content

    def sample() -> str:
        said = [{"role": "user", "content": question}]
        return f"{question} {chat(model, tok, said)}"

    # Train
    target = run / "finetune" / name
    shape = model.config
    model.train()
    done = train(
        model,
        next_token_loss,
        batches,
        config,
        steps,
        target.with_name(f"{name}.checkpoints"),
        target.with_name(f"{name}.jsonl"),
        asked_for(shape, config, seed, data, source),
        Hooks(sample=sample),
        label=f"fine-tuning {name}",
        compile=wants_compiling(config, seconds),
        anew=anew,
    )
    model.eval().save(target, "native", tok)
    return {
        "dialogues": len(dialogues) - packed.too_long,
        "too_long": packed.too_long,
        "rows": len(packed.ids),
        "epochs": round(steps * config.batch / len(packed.ids), 2),
        "steps": done.step,
        "answer_tokens": done.tokens,
        "training_seconds": round(done.seconds, 1),
        "other_seconds": round(done.other_seconds, 1),
    }


def tune_classes(
    run: Path,
    name: str,
    config: TuningConfig,
    documents: Sequence[Document],
    steps: int,
    seed: int,
    seconds: float = 0.0,
    source: str = "",
    anew: bool = False,
) -> dict[str, Any]:
    """Teach a model to name a document's topic; give its numbers.

    Raises:
        DataError: there are fewer than two topics.
        Interrupted: the user stopped it; the same call goes on.
    """
    # Find the classes
    labelled = [d for d in documents if d.topic]
    classes = sorted({d.topic for d in labelled})
    if len(classes) < LEAST_CLASSES:
        raise DataError(
            f"the documents have {len(classes)} topics, and a "
            "classifier needs two or more; name the field of the topic "
            "in [[corpus.source]], or sort files into sub-folders"
        )

    # Open the model, and read the texts
    base = find_model(f"{run}:{config.base}")
    body, tok = Transformer.load(base), Tokenizer.load(base)
    shape = body.config
    model = Classifier(
        body, tok, classes, config.length, config.pooling
    ).train()
    texts = [d.full_text for d in labelled]
    topics = [d.topic for d in labelled]
    batches = Labelled(model, texts, topics, config.batch, seed)
    steps = find_steps(config, steps, len(texts))

    # Train
    target = run / "finetune" / name
    data = digest_json([d.id for d in labelled])
    done = train(
        model,
        class_loss,
        batches,
        config,
        steps,
        target.with_name(f"{name}.checkpoints"),
        target.with_name(f"{name}.jsonl"),
        asked_for(shape, config, seed, data, source),
        Hooks(),
        label=f"fine-tuning {name}",
        compile=wants_compiling(config, seconds),
        anew=anew,
    )
    model.eval().save(target)
    return {
        "documents": len(labelled),
        "classes": classes,
        "epochs": round(steps * config.batch / len(texts), 2),
        "steps": done.step,
        "training_seconds": round(done.seconds, 1),
        "other_seconds": round(done.other_seconds, 1),
    }


def find_steps(config: TuningConfig, steps: int, rows: int) -> int:
    """Take the plan's steps, or so many passes over the rows."""
    if config.epochs and not config.steps:
        return max(1, round(config.epochs * rows / config.batch))
    return steps
