"""Pretraining: guess the next token of everything there is."""

import shutil
from pathlib import Path
from typing import Any

import msgspec

from hornbook.base.console import console
from hornbook.base.store import as_json
from hornbook.base.world import world
from hornbook.inference.bits import Bits, bits_per_byte
from hornbook.inference.generate import generate
from hornbook.model.config import ModelConfig
from hornbook.model.count import flops_per_token
from hornbook.model.transformer import Transformer
from hornbook.tokenizer.shards import TokenShard
from hornbook.tokenizer.tokenizer import Tokenizer
from hornbook.training.checkpoint import Progress, load_best
from hornbook.training.config import HARMLESS, TrainingConfig
from hornbook.training.loop import Hooks, train
from hornbook.training.loss import language_loss
from hornbook.training.packing import PACKING, describe_packing
from hornbook.training.precision import wants_compiling

WATCHED_BYTES = 100_000
"""Held-out text that is measured on the way; all of it at the end."""
UNASKED = HARMLESS | {"minutes"}
"""Settings that leave the losses as they are, once there are steps."""


def pretrain(
    shape: ModelConfig,
    config: TrainingConfig,
    steps: int,
    folder: Path,
    seed: int,
    seconds: float = 0.0,
    source: str = "",
    anew: bool = False,
) -> dict[str, Any]:
    """Train a new model on a run's tokens; give its scores.

    ``seconds`` is the time it should take, ``source`` the digest of
    the code that trains; ``anew`` discards a stopped training.

    Raises:
        Interrupted: the user stopped it; the same call goes on.
    """
    # Open the text and the model
    tok = Tokenizer.load(folder / "tokenizer")
    shard = TokenShard.open(folder / "tokens" / "train.bin", tok)
    heldout = TokenShard.open(folder / "tokens" / "heldout.bin", tok)
    batches = PACKING[config.packing](
        shard, shape.context, config.batch, seed
    )
    model = Transformer(shape, seed)

    # Train, measure and keep
    done = train(
        model,
        language_loss(config.z_loss),
        batches,
        config,
        steps,
        folder / "checkpoints",
        folder / "metrics.jsonl",
        asked_for(shape, config, seed, shard.info.digest, source),
        watch(model, tok, heldout, seed),
        label="pretraining",
        compile=wants_compiling(config, seconds),
        anew=anew,
    )
    kept = keep(model, heldout, folder, tok, config.keep_best)
    return {**describe(done), **kept, **describe_packing(batches)}


def keep(
    model: Transformer,
    heldout: TokenShard,
    run: Path,
    tok: Tokenizer,
    wanted: bool,
) -> dict[str, Any]:
    """Measure a finished model on all held-out text, and keep it.

    So is the best of its checkpoints, where it is wanted. Of several
    ranks the first one has the model, and does it.
    """
    if world().rank:
        return {}
    bits = bits_per_byte(model.eval(), heldout)
    model.save(run / "checkpoints" / "base", "native", tok)
    best = keep_best(model, heldout, run, tok, wanted)
    return {**score(bits), **best}


def keep_best(
    model: Transformer,
    heldout: TokenShard,
    folder: Path,
    tok: Tokenizer,
    wanted: bool,
) -> dict[str, Any]:
    """Make the model ``best`` of the best checkpoint; give its scores.

    ``model`` lends its shape, and has other weights afterwards.
    """
    checkpoints = folder / "checkpoints"
    place = checkpoints / "best"
    done = load_best(checkpoints, model) if wanted else None
    if done is None:
        shutil.rmtree(place, ignore_errors=True)
        return {}
    model.save(place, "native", tok)
    scores = score(bits_per_byte(model, heldout))
    console.say(
        f"  held-out text was cheapest at step {done.step:,}; that "
        "model is kept as 'best'"
    )
    return {"best": {"step": done.step, **scores}}


def watch(
    model: Transformer, tok: Tokenizer, heldout: TokenShard, seed: int
) -> Hooks:
    """Say what is measured and shown on the way."""

    def evaluate() -> dict[str, float]:
        bits = bits_per_byte(model, heldout, limit_bytes=WATCHED_BYTES)
        return {
            "heldout_loss": bits.nats_per_token,
            "heldout_bpb": bits.value,
        }

    def sample() -> str:
        text = generate(model, tok, "", 48, temperature=0.8, seed=seed)
        return " ".join(text.split())

    return Hooks(evaluate, sample, flops_per_token(model.config))


def score(bits: Bits) -> dict[str, Any]:
    """Give what held-out text costs, for the record."""
    return {
        "heldout_bpb": bits.value,
        "heldout_loss": bits.nats_per_token,
        "heldout_bytes": int(bits.bytes.sum()),
    }


def describe(done: Progress) -> dict[str, Any]:
    """Give a training's numbers, for the record."""
    return {
        "steps": done.step,
        "tokens": done.tokens,
        "training_seconds": round(done.seconds, 1),
        "other_seconds": round(done.other_seconds, 1),
        "tokens_per_second": round(
            done.tokens / max(done.seconds, 1e-9)
        ),
    }


def asked_for(
    shape: ModelConfig,
    config: TrainingConfig,
    seed: int,
    data: str,
    source: str,
) -> dict[str, Any]:
    """Collect what a training's losses depend on."""
    settings = as_json(config)
    wanted = {k: v for k, v in settings.items() if k not in UNASKED}
    model = {
        f"model.{key}": value
        for key, value in msgspec.to_builtins(shape).items()
    }
    return {
        **wanted,
        **model,
        "seed": seed,
        "data": data[:16],
        "source": source[:16],
    }
