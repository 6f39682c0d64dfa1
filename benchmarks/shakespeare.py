"""Shakespeare by the letter: nanoGPT's recipe for processors, and ours.

    python benchmarks/shakespeare.py --text input.txt \\
        --peer ../nanoGPT --peer-python ../peer/bin/python

nanoGPT's own script trains first, by the command of its README. Then
ours trains for a third of the seconds that it took, counted from the
start of the process, so that loading and compiling are paid for. Both
are scored by one function: the last tenth of the text, cut into
windows of 64 letters, mean nats for each letter.

The peer's environment needs torch, numpy and requests, which its
preparing script imports.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from torch.nn import functional as F

from hornbook.base.machine import cores

HERE = Path(__file__).parent
CONTEXT = 64
RECIPE = [
    "--device=cpu",
    "--compile=False",
    "--eval_iters=20",
    "--log_interval=100",
    "--block_size=64",
    "--batch_size=12",
    "--n_layer=4",
    "--n_head=4",
    "--n_embd=128",
    "--max_iters=2000",
    "--lr_decay_iters=2000",
    "--dropout=0.0",
]


def letters(text: str) -> tuple[torch.Tensor, torch.Tensor, int]:
    """Give nine tenths to learn from, one to score, and the letters."""
    known = sorted(set(text))
    place = {letter: i for i, letter in enumerate(known)}
    ids = torch.tensor([place[letter] for letter in text])
    cut = int(len(text) * 0.9)
    return ids[:cut], ids[cut:], len(known)


@torch.no_grad()
def score(model: torch.nn.Module, heldout: torch.Tensor) -> float:
    """Give the nats of a letter, over windows that do not overlap."""
    count = (len(heldout) - 1) // CONTEXT
    ids = heldout[: count * CONTEXT].view(count, CONTEXT)
    targets = heldout[1 : count * CONTEXT + 1].view(count, CONTEXT)
    total = 0.0
    for some, wanted in zip(
        ids.split(64), targets.split(64), strict=True
    ):
        logits = model(some).float().flatten(0, 1)
        total += F.cross_entropy(
            logits, wanted.flatten(), reduction="sum"
        ).item()
    return total / targets.numel()


class Peer(torch.nn.Module):
    """nanoGPT's model, which gives all logits only beside targets."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        ids = ids.contiguous()
        return self.model(ids, ids)[0]


def train_peer(
    peer: Path, python: str, text: Path, place: Path
) -> tuple[float, torch.nn.Module]:
    """Run the peer's own script; give its seconds and its model."""
    # Prepare a copy of its checkout as its README says
    copy = place / "peer"
    shutil.copytree(peer, copy, ignore=shutil.ignore_patterns(".git"))
    data = copy / "data" / "shakespeare_char"
    shutil.copy(text, data / "input.txt")
    subprocess.run([python, data / "prepare.py"], check=True)

    # Train
    before = time.perf_counter()
    call = [python, "train.py", "config/train_shakespeare_char.py"]
    subprocess.run([*call, *RECIPE], cwd=copy, check=True)
    seconds = time.perf_counter() - before

    # Open what it kept
    sys.path.insert(0, str(copy))
    from model import GPT, GPTConfig

    kept = torch.load(
        copy / "out-shakespeare-char" / "ckpt.pt", weights_only=False
    )
    model = GPT(GPTConfig(**kept["model_args"]))
    model.load_state_dict(kept["model"])
    return seconds, Peer(model).eval()


def main() -> None:
    """Let one train after the other, and score both."""
    words = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    words.add_argument("--text", type=Path, required=True)
    words.add_argument("--peer", type=Path, required=True)
    words.add_argument("--peer-python", default=sys.executable)
    words.add_argument("--seeds", type=int, nargs="*", default=[1, 2])
    given = words.parse_args()
    text = given.text.read_text(encoding="utf-8")
    _, heldout, _ = letters(text)
    with tempfile.TemporaryDirectory() as place:
        seconds, model = train_peer(
            given.peer, given.peer_python, given.text, Path(place)
        )
    theirs = {"seconds": seconds, "nats": score(model, heldout)}
    print(json.dumps({"training": "nanoGPT", **theirs}), flush=True)
    for seed in given.seeds:
        call = [
            sys.executable,
            HERE / "shakespeare_ours.py",
            given.text,
            str(seconds / 3),
            str(seed),
            str(cores()),
        ]
        before = time.perf_counter()
        subprocess.run(call, check=True)
        spent = time.perf_counter() - before
        print(json.dumps({"seed": seed, "with_scoring": spent}))


if __name__ == "__main__":
    main()
