"""Bits per byte after the same minutes: ours against nanoGPT.

Both train on the same tokens, on the same cores, for the same time
inside their updates; compilation, scoring and saving are not counted.
The two take turns of twenty seconds. Both are scored by one function
on the same held-out documents.

    hornbook run demo --until tokenize
    python benchmarks/quality.py --peer ../nanoGPT \\
        --peer-python ../peer/bin/python

The peer's environment needs torch and numpy, its checkout is used as
it is. Its recipe: 4 layers of 192, 4 heads, context 256, tied, bf16,
compiled, AdamW at 3e-3 with warm-up and linear fall, batch 16.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from turns import Child, take_turns

from hornbook.base.machine import cores
from hornbook.inference.bits import bits_per_byte
from hornbook.tokenizer.shards import TokenShard
from hornbook.tokenizer.tokenizer import Tokenizer

HERE = Path(__file__).parent


class Peer(torch.nn.Module):
    """nanoGPT's model behind the few names that scoring uses."""

    def __init__(self, model: torch.nn.Module, context: int) -> None:
        super().__init__()
        self.model = model
        self.token_emb = model.transformer.wte
        self.config = argparse.Namespace(context=context)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        ids = ids.contiguous()
        logits, _ = self.model(ids, ids)
        return logits


def score_peer(
    peer: Path, weights: Path, run: Path
) -> dict[str, float]:
    """Load what the peer saved and score it as ours is scored."""
    sys.path.insert(0, str(peer))
    from model import GPT, GPTConfig

    tok = Tokenizer.load(run / "tokenizer")
    shard = TokenShard.open(run / "tokens" / "heldout.bin", tok)
    config = GPTConfig(
        block_size=256,
        vocab_size=tok.vocab_size,
        n_layer=4,
        n_head=4,
        n_embd=192,
        dropout=0.0,
        bias=False,
    )
    model = GPT(config)
    saved = np.load(weights)
    model.load_state_dict(
        {k: torch.from_numpy(saved[k]) for k in saved}
    )
    bits = bits_per_byte(Peer(model, 256).eval(), shard)
    return {"bpb": bits.value, "nats_per_token": bits.nats_per_token}


def main() -> None:
    words = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    words.add_argument("--peer", type=Path, required=True)
    words.add_argument("--peer-python", default=sys.executable)
    words.add_argument("--run", type=Path, default=Path("runs/demo"))
    words.add_argument("--recipe", default="demo")
    words.add_argument("--minutes", type=float, default=10.0)
    words.add_argument("--seeds", type=int, nargs="*", default=[1, 2])
    words.add_argument("--slice", type=float, default=20.0)
    words.add_argument("--set", nargs="*", default=[])
    given = words.parse_args()
    commit = subprocess.run(
        ["git", "-C", str(given.peer), "rev-parse", "HEAD"],
        capture_output=True,
        text=True,
        encoding="utf-8",
    ).stdout.strip()
    tok = Tokenizer.load(given.run / "tokenizer")
    common = [
        "--seconds",
        str(given.minutes * 60),
        "--threads",
        str(cores()),
    ]
    scores: dict[str, list[float]] = {"ours": [], "nanoGPT": []}
    for seed in given.seeds:
        with tempfile.TemporaryDirectory() as place:
            weights = Path(place) / "peer.npz"
            mine = Child(
                sys.executable,
                HERE / "quality_ours.py",
                *common,
                "--run",
                str(given.run),
                "--recipe",
                given.recipe,
                "--seed",
                str(seed),
                "--set",
                *given.set,
            )
            theirs = Child(
                given.peer_python,
                HERE / "quality_nanogpt.py",
                *common,
                "--peer",
                str(given.peer),
                "--seed",
                str(seed),
                "--tokens",
                str(given.run / "tokens" / "train.bin"),
                "--vocab",
                str(tok.vocab_size),
                "--out",
                str(weights),
            )
            children = {"ours": mine, "nanoGPT": theirs}
            take_turns(children, given.slice)
            found = {"ours": mine.result(), "nanoGPT": theirs.result()}
            found["nanoGPT"] |= score_peer(
                given.peer, weights, given.run
            )
        for name, result in found.items():
            result |= {
                "name": name,
                "seed": seed,
                **children[name].state,
            }
            scores[name].append(result["bpb"])
            print(json.dumps(result), flush=True)
    means = {k: statistics.mean(v) for k, v in scores.items()}
    share = 1 - means["ours"] / means["nanoGPT"]
    print(
        json.dumps(
            {
                "peer_commit": commit,
                "minutes": given.minutes,
                "mean_bpb": means,
                "fewer_bits": share,
            }
        )
    )


if __name__ == "__main__":
    main()
