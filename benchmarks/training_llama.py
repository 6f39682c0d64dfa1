"""Train transformers' Llama for a fixed time, on random tokens.

Runs in the peer's environment: torch and transformers are needed.
"""

import argparse
import json
from contextlib import nullcontext

import torch
from transformers import LlamaConfig, LlamaForCausalLM
from turns import serve


def main() -> None:
    words = argparse.ArgumentParser()
    words.add_argument("--shape", type=json.loads)
    words.add_argument("--peer")
    words.add_argument("--seconds", type=float)
    words.add_argument("--threads", type=int)
    words.add_argument("--compile", action="store_true")
    words.add_argument("--bf16", action="store_true")
    given = words.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(given.threads)
    shape = given.shape
    width = shape["width"]
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=shape["vocab"],
            hidden_size=width,
            intermediate_size=max(32, round(width * 8 / 3 / 32) * 32),
            num_hidden_layers=shape["layers"],
            num_attention_heads=shape["heads"],
            max_position_embeddings=shape["context"],
            use_cache=False,
        )
    ).train()
    optimizer = torch.optim.AdamW(
        model.parameters(),
        3e-4,
        (0.9, 0.95),
        weight_decay=0.1,
        fused=True,
    )
    fast = torch.compile(model) if given.compile else model
    ids = torch.randint(
        shape["vocab"], (shape["batch"], shape["context"])
    )

    def update(_: float = 0.0) -> float:
        half = torch.autocast("cpu", torch.bfloat16)
        with half if given.bf16 else nullcontext():
            loss = fast(input_ids=ids, labels=ids).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss.item()

    for _ in range(2):
        update()
    count = sum(weight.numel() for weight in model.parameters())
    serve(update, given.seconds, {"parameters": count})


main()
