"""Train a recipe's model for a fixed time, as Hornbook does."""

import argparse
import json
import math
from pathlib import Path

from turns import serve

from hornbook.inference.bits import bits_per_byte
from hornbook.model.count import parameters
from hornbook.model.transformer import Transformer
from hornbook.recipe import load_recipe
from hornbook.tokenizer.shards import TokenShard
from hornbook.tokenizer.tokenizer import Tokenizer
from hornbook.training.loop import Trainer
from hornbook.training.loss import next_token_loss
from hornbook.training.packing import PACKING
from hornbook.training.precision import use_threads


def main() -> None:
    words = argparse.ArgumentParser()
    words.add_argument("--run", type=Path)
    words.add_argument("--recipe")
    words.add_argument("--seed", type=int)
    words.add_argument("--seconds", type=float)
    words.add_argument("--threads", type=int)
    words.add_argument("--set", nargs="*", default=[])
    given = words.parse_args()
    use_threads(given.threads)
    recipe = load_recipe(given.recipe, given.set)
    tok = Tokenizer.load(given.run / "tokenizer")
    shard = TokenShard.open(given.run / "tokens" / "train.bin", tok)
    shape, config = recipe.shape, recipe.pretrain
    model = Transformer(shape, given.seed)
    pack = PACKING[config.packing]
    batches = pack(shard, shape.context, config.batch, given.seed)

    # Compile outside the clock, then begin anew
    trainer = Trainer(model, next_token_loss, config, 1, True)
    start = {k: v.clone() for k, v in model.state_dict().items()}
    trainer.update(batches(0))
    model.load_state_dict(start)
    for optimizer in trainer.optimizers:
        for tensor in optimizer.state().values():
            tensor.zero_()

    def update(share: float) -> float:
        step = trainer.progress.step
        trainer.steps = max(
            step + 1, math.ceil(step / max(share, 1e-3))
        )
        loss, _ = trainer.update(batches(step))
        trainer.progress.step += 1
        return loss

    serve(update, given.seconds)
    heldout = TokenShard.open(given.run / "tokens" / "heldout.bin", tok)
    bits = bits_per_byte(model.eval(), heldout)
    print(
        json.dumps(
            {
                "bpb": bits.value,
                "nats_per_token": bits.nats_per_token,
                "parameters": parameters(shape)["total"],
            }
        )
    )


main()
