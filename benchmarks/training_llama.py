"""Train transformers' Llama for a fixed time, on random tokens.

Runs in the peer's environment: torch and transformers are needed.
"""

import torch
from peers import train, words
from transformers import LlamaConfig, LlamaForCausalLM


def main() -> None:
    given = words()
    shape = given.shape
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=shape["vocab"],
            hidden_size=shape["width"],
            intermediate_size=shape["hidden"],
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
    ids = torch.randint(
        shape["vocab"], (shape["batch"], shape["context"])
    )
    train(
        given,
        model,
        optimizer,
        lambda fast: fast(input_ids=ids, labels=ids).loss,
    )


main()
