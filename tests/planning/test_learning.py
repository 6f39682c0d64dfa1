"""What a plan counts as learning is what then learns."""

from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from hornbook.model.config import ModelConfig, make_config
from hornbook.model.transformer import Transformer
from hornbook.planning.learning import learning, operations_per_token
from hornbook.planning.memory import copy_bytes, needed_bytes
from hornbook.tokenizer.tokenizer import SPECIALS, Tokenizer
from hornbook.training.config import TrainingConfig
from hornbook.tuning.classify import Classifier
from hornbook.tuning.config import TuningConfig
from hornbook.tuning.frozen import count_learning, keep_last
from hornbook.tuning.lora import attach
from hornbook.tuning.lora_config import LoraConfig

SHAPE: dict[str, Any] = {"vocab_size": 512, "layers": 4, "width": 64}
PARTS: list[dict[str, Any]] = [
    {"blocks": 1},
    {"blocks": 3},
    {"lora": LoraConfig(rank=4)},
    {"lora": LoraConfig(rank=4, dora=True)},
    {"lora": LoraConfig(rank=2, targets=("to_q", "down"))},
    {"lora": LoraConfig(rank=2, bits=4), "blocks": 2},
]


def prepared(shape: ModelConfig, config: TuningConfig) -> Transformer:
    """Give a model of which learns what is asked for."""
    model = Transformer(shape)
    if config.lora:
        attach(model, config.lora, config.blocks, 1)
    elif config.blocks:
        keep_last(model, config.blocks)
    return model


@pytest.mark.parametrize("form", ["llama", "gpt2"])
@pytest.mark.parametrize("part", PARTS, ids=str)
def test_what_is_counted_is_what_learns(
    part: dict[str, Any], form: str
) -> None:
    shape = make_config(form=form, **SHAPE)
    config = TuningConfig(**part)
    model = prepared(shape, config)
    told = learning(shape, config)
    assert told is not None
    assert told.weights == count_learning(model)[0]
    assert told.blocks == (config.blocks or 4)


def test_where_all_learns_there_is_no_part() -> None:
    shape = make_config(**SHAPE)
    assert learning(shape, TrainingConfig()) is None
    assert learning(shape, TuningConfig()) is None


def test_less_that_learns_is_less_to_hold() -> None:
    shape = make_config(**SHAPE)

    def held(**part: Any) -> int:
        asked = TuningConfig(optimizer="adamw", batch=8, **part)
        return needed_bytes(shape, asked, 8)

    lora = LoraConfig(rank=4)
    assert held(blocks=1) < held(blocks=2) < held()
    assert held(lora=lora, blocks=1) < held(lora=lora) < held()
    few = TuningConfig(lora=lora)
    whole = copy_bytes(shape, TuningConfig())
    assert copy_bytes(shape, few) < whole / 3


@pytest.mark.parametrize("part", [{}, *PARTS[:3], PARTS[4]], ids=str)
def test_operations_are_those_that_torch_counts(
    part: dict[str, Any],
) -> None:
    counted, told = [], []
    config = TuningConfig(**part)
    for context in (16, 48):
        shape = make_config(
            **SHAPE, context=context, attention="explicit"
        )
        model = prepared(shape, config)
        tokens = torch.randint(512, (8, context))
        with FlopCounterMode(display=False) as counter:
            model(tokens).sum().backward()
        counted.append(counter.get_total_flops() / tokens.numel())
        told.append(operations_per_token(shape, config))
    assert counted[0] == pytest.approx(told[0], rel=0.03)

    # Torch counts what a place cannot see, too
    more = counted[1] - counted[0]
    assert more == pytest.approx(2 * (told[1] - told[0]), rel=0.1)


@pytest.mark.parametrize("form", ["llama", "gpt2"])
def test_a_classifier_has_no_head_for_a_vocabulary(form: str) -> None:
    tok = Tokenizer.train(["hat coat rain sun"], 270, "gpt2", SPECIALS)
    shape = make_config(form=form, **SHAPE | {"vocab_size": 270})
    config = TuningConfig(method="classify", blocks=1)
    model = Classifier(Transformer(shape), tok, ("sky", "wear"))
    keep_last(model.body, 1)
    told = learning(shape, config)
    assert told is not None
    assert told.weights == count_learning(model.body)[0]
    spoken = operations_per_token(shape, TuningConfig(blocks=1))
    assert operations_per_token(shape, config) <= spoken - 4 * 270 * 64
