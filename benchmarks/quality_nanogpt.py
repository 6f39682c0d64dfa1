"""Train nanoGPT's own model by its AdamW recipe, in its own way.

Runs in the peer's environment: torch and numpy are all it needs.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch
from turns import serve

WARMUP = 0.02


def main() -> None:
    words = argparse.ArgumentParser()
    words.add_argument("--peer", type=Path)
    words.add_argument("--tokens", type=Path)
    words.add_argument("--vocab", type=int)
    words.add_argument("--context", type=int, default=256)
    words.add_argument("--batch", type=int, default=16)
    words.add_argument("--seed", type=int)
    words.add_argument("--seconds", type=float)
    words.add_argument("--threads", type=int)
    words.add_argument("--out", type=Path)
    given = words.parse_args()
    sys.path.insert(0, str(given.peer))
    from model import GPT, GPTConfig

    # Build the model of the reference: tied, no dropout, no biases
    torch.manual_seed(given.seed)
    torch.set_num_threads(given.threads)
    config = GPTConfig(
        block_size=given.context,
        vocab_size=given.vocab,
        n_layer=4,
        n_head=4,
        n_embd=192,
        dropout=0.0,
        bias=False,
    )
    model = GPT(config)
    peak = 3e-3
    optimizer = model.configure_optimizers(
        0.1, peak, (0.9, 0.95), "cpu"
    )
    fast = torch.compile(model)
    data = np.memmap(given.tokens, dtype=np.uint16, mode="r")

    # nanoGPT draws its rows anywhere in the text
    def batch() -> tuple[torch.Tensor, torch.Tensor]:
        places = torch.randint(
            len(data) - given.context, (given.batch,)
        )
        rows = np.stack(
            [data[i : i + given.context + 1] for i in places.tolist()]
        )
        table = torch.from_numpy(rows.astype(np.int64))
        return table[:, :-1].contiguous(), table[:, 1:].contiguous()

    def update(share: float) -> float:
        rise = min(1.0, (share + 1e-3) / WARMUP)
        fall = min(1.0, (1 - share) / (1 - WARMUP))
        for group in optimizer.param_groups:
            group["lr"] = peak * min(rise, fall)
        ids, targets = batch()
        with torch.autocast("cpu", torch.bfloat16):
            _, loss = fast(ids, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return float(loss.detach())

    # Compile outside the clock, then begin anew
    start = {k: v.clone() for k, v in model.state_dict().items()}
    update(0.0)
    model.load_state_dict(start)
    optimizer.state.clear()
    serve(update, given.seconds)
    state = {
        k: v.float().numpy() for k, v in model.state_dict().items()
    }
    np.savez(given.out, **state)
    print(json.dumps({"parameters": model.get_num_params(False)}))


main()
