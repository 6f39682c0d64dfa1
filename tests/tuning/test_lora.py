import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from hornbook.base.dialogue import ask
from hornbook.base.document import Document
from hornbook.base.errors import (
    CorruptFileError,
    Interrupted,
    ModelError,
    RecipeError,
)
from hornbook.base.store import read_jsonl
from hornbook.inference.generate import chat
from hornbook.model.adapter import SETTINGS, TENSORS
from hornbook.model.config import make_config
from hornbook.model.exchange import save_tensors
from hornbook.model.nf4 import FourBitLinear
from hornbook.model.transformer import Transformer
from hornbook.tokenizer.tokenizer import SPECIALS, Tokenizer
from hornbook.training import loop, precision
from hornbook.training.checkpoint import found
from hornbook.training.loss import language_loss
from hornbook.tuning.adapters import keep_adapter
from hornbook.tuning.classify import Classifier
from hornbook.tuning.config import TuningConfig
from hornbook.tuning.lesson import Lesson, open_student
from hornbook.tuning.lora import LoraLinear, attach, merge
from hornbook.tuning.lora_config import LoraConfig
from hornbook.tuning.tune import tune_chat, tune_classes

TOK = Tokenizer.train(
    ["What is a hat? A cap. Where is rain? Sky."],
    290,
    "gpt2",
    SPECIALS,
)
TALKS = [ask("What is a hat?", "A cap."), ask("Where is rain?", "Sky.")]
DOCUMENTS = [
    Document("1", "a hat", topic="wear"),
    Document("2", "rain", topic="sky"),
    Document("3", "a coat", topic="wear"),
    Document("4", "sun", topic="sky"),
]
IDS = torch.tensor([[3, 1, 4, 1, 5, 9, 2, 6], [5, 3, 5, 8, 9, 7, 9, 3]])
KINDS = {
    "lora": LoraConfig(rank=3),
    "dora": LoraConfig(rank=3, dora=True),
    "four bits": LoraConfig(rank=3, bits=4),
    "few": LoraConfig(rank=3, targets=("to_v", "down"), dora=True),
}


def settings(**given: Any) -> TuningConfig:
    """A fine-tuning with an adapter, without what takes time."""
    plain = {
        "batch": 1, "lr": 0.02, "optimizer": "adamw", "compile": "off",
        "precision": "fp32", "evaluations": 0, "lora": LoraConfig(),
    }
    return TuningConfig(**{**plain, **given})


def shake(model: torch.nn.Module) -> None:
    """Move every weight that learns, as a training would."""
    torch.manual_seed(0)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.requires_grad:
                weight.add_(0.3 * torch.randn_like(weight))


def make_model(form: str = "llama", **more: Any) -> Transformer:
    """A small model whose every weight counts."""
    if form != "gpt2":
        more = {"kv_heads": 1, "head_dim": 6, **more}
    shape = make_config(
        form=form, vocab_size=290, layers=2, width=16, heads=2,
        hidden=24, context=32, **more,
    )
    model = Transformer(shape, seed=1).eval()
    shake(model)
    return model


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run's folder with a base model that has learnt nothing."""
    base = tmp_path / "checkpoints" / "base"
    make_model().save(base, "native", TOK)
    return tmp_path


def close(one: Tensor, other: Tensor) -> None:
    assert one.std() > 0.1
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def losses(run: Path, name: str) -> list[float]:
    lines = read_jsonl(run / f"finetune/{name}.jsonl")
    return [line["loss"] for line in lines]


def learning(model: torch.nn.Module) -> set[str]:
    """Name the weights that learn."""
    named = model.named_parameters()
    return {name for name, weight in named if weight.requires_grad}


@pytest.mark.parametrize("kind", [k for k in KINDS if k != "four bits"])
def test_at_first_nothing_is_changed(kind: str) -> None:
    model = make_model()
    before = model(IDS).detach()
    attach(model, KINDS[kind], 0, 1)
    close(model(IDS).detach(), before)


@pytest.mark.parametrize("kind", KINDS)
def test_merged_weights_give_the_same_logits(kind: str) -> None:
    model = make_model(bias=True)
    attach(model, KINDS[kind], 0, 1)
    shake(model)
    learnt = model(IDS).detach()
    merge(model)
    kinds = {type(layer) for layer in model.modules()}
    assert not kinds & {LoraLinear, FourBitLinear}
    close(model(IDS).detach(), learnt)


@pytest.mark.parametrize("bits", [0, 4])
def test_a_row_of_zeros_is_no_reason_to_stop(bits: Any) -> None:
    model = make_model()
    zeros = model.get_parameter("blocks.0.attention.to_out.weight")
    with torch.no_grad():
        zeros[3:] = 0
    attach(model, LoraConfig(dora=True, bits=bits), 0, 1)
    loss = model(IDS).square().mean()
    loss.backward()
    assert all(
        weight.grad is not None and weight.grad.isfinite().all()
        for weight in model.parameters()
        if weight.requires_grad
    )
    merge(model)
    assert model(IDS).isfinite().all()


def test_equal_seeds_draw_equal_adapters() -> None:
    drawn = []
    for seed in (1, 1, 2):
        model = make_model()
        attach(model, LoraConfig(), 0, seed)
        drawn.append(model.get_parameter("blocks.1.feedforward.up.a"))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


@pytest.mark.compiled
# torch's compiler warns of torch's own habits
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.skipif(
    not precision.has_compiler(), reason="needs a C++ compiler here"
)
def test_a_compiled_adapter_learns_what_a_plain_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HORNBOOK_CACHE", str(tmp_path))
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    losses = []
    for compile in (False, True):
        model = make_model()
        attach(model, LoraConfig(dora=True, bits=4), 0, 1)
        config = settings()
        objective = language_loss(0.0)
        trainer = loop.Trainer(model, objective, config, 3, compile)
        batch = {"ids": IDS, "targets": IDS.roll(-1, 1)}
        losses.append([trainer.update(batch)[0] for _ in range(3)])
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)


def test_targets_and_last_blocks_say_what_learns() -> None:
    model = make_model()
    attach(model, LoraConfig(targets=("to_q", "down")), 1, 1)
    assert learning(model) == {
        f"blocks.1.{layer}.{part}"
        for layer in ("attention.to_q", "feedforward.down")
        for part in "ab"
    }


def test_what_cannot_be_is_refused(run: Path) -> None:
    model = make_model(form="gpt2")
    with pytest.raises(RecipeError, match="'gate'"):
        attach(model, LoraConfig(targets=("gate",)), 0, 1)
    with pytest.raises(RecipeError, match="blocks is 3"):
        attach(model, LoraConfig(), 3, 1)
    config = settings(lora=None, blocks=3)
    with pytest.raises(RecipeError, match="blocks is 3"):
        open_student(Lesson(run, "x", config, 1, 1))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("merged", [False, True])
def test_what_was_kept_is_what_has_learnt(
    kind: str, merged: bool, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    last: list[Tensor] = []

    def finish(self: loop.Run) -> None:
        with torch.no_grad():
            last.append(self.trainer.model(IDS))

    monkeypatch.setattr(loop.Run, "finish", finish)
    lora = msgspec.structs.replace(KINDS[kind], merged=merged)
    config = settings(lora=lora)
    before = Transformer.load(f"{run}:base")(IDS).detach()
    done = tune_chat(Lesson(run, "chat", config, 20, 1), TALKS)
    opened = Transformer.load(f"{run}:chat")(IDS).detach()
    close(opened, last[0])
    assert (opened - before).abs().max() > 0.05
    assert 0 < done["learning"] < done["still"]
    files = {p.name for p in (run / "finetune" / "chat").iterdir()}
    assert ("model.safetensors" in files) == merged
    assert (TENSORS in files) != merged


def test_a_chat_model_learns_its_answers(run: Path) -> None:
    config = settings(lora=LoraConfig(rank=16))
    tune_chat(Lesson(run, "chat", config, 150, 1), TALKS)
    model = Transformer.load(f"{run}:chat")
    for talk in TALKS:
        asked, answer = talk.messages
        assert chat(model, TOK, [asked]) == answer.content


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
@pytest.mark.parametrize("lora", [*KINDS.values(), None])
def test_a_stopped_training_goes_on_bit_for_bit(
    lora: LoraConfig | None,
    optimizer: str,
    run: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = settings(
        lora=lora, blocks=0 if lora else 1, optimizer=optimizer, ema=0.9
    )
    tune_chat(Lesson(run, "whole", config, 8, 1), TALKS)
    made = loop.Run.step
    monkeypatch.setattr(loop, "stoppable", stop_after(3))
    with pytest.raises(Interrupted):
        tune_chat(Lesson(run, "parts", config, 8, 1), TALKS)
    monkeypatch.undo()
    assert loop.Run.step is made

    # The checkpoint has what learns, and nothing else
    place = found(run / "finetune" / "parts.checkpoints")[-1]
    student, _ = open_student(Lesson(run, "parts", config, 8, 1))
    saved = load_file(place / "model.safetensors")
    assert saved.keys() == learning(student)
    assert place.name == "step-0000003"
    tune_chat(Lesson(run, "parts", config, 8, 1), TALKS)
    assert losses(run, "parts") == losses(run, "whole")
    one, other = (
        Transformer.load(f"{run}:{name}").state_dict()
        for name in ("parts", "whole")
    )
    assert all(torch.equal(one[name], other[name]) for name in one)


def stop_after(steps: int) -> Any:
    """Give what asks a training to stop after so many steps."""
    from contextlib import contextmanager

    class Asked:
        def __init__(self) -> None:
            self.calls = 0

        def is_set(self) -> bool:
            self.calls += 1
            return self.calls > steps

    @contextmanager
    def stoppable() -> Any:
        yield Asked()

    return stoppable


def test_another_base_does_not_go_on_from_a_checkpoint(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lesson = Lesson(run, "chat", settings(), 8, 1)
    monkeypatch.setattr(loop, "stoppable", stop_after(3))
    with pytest.raises(Interrupted):
        tune_chat(lesson, TALKS)
    monkeypatch.undo()
    other = make_model()
    shake(other)
    other.save(run / "checkpoints" / "base", "native", TOK)
    with pytest.raises(RecipeError, match="weights that do not learn"):
        tune_chat(lesson, TALKS)


def test_the_last_blocks_alone_learn(run: Path) -> None:
    config = settings(lora=None, blocks=1)
    tune_chat(Lesson(run, "chat", config, 3, 1), TALKS)
    one, other = (
        Transformer.load(f"{run}:{name}").state_dict()
        for name in ("base", "chat")
    )
    moved = {k for k in one if not torch.equal(one[k], other[k])}
    assert moved == {
        k for k in one if k.startswith(("blocks.1.", "norm", "head"))
    }


@pytest.mark.parametrize("merged", [False, True])
@pytest.mark.parametrize("blocks", [0, 1])
def test_a_classifier_learns_with_its_head(
    merged: bool, blocks: int, run: Path
) -> None:
    lora = LoraConfig(merged=merged, dora=True)
    config = settings(
        method="classify", batch=2, lora=lora, blocks=blocks
    )
    tune_classes(Lesson(run, "topic", config, 40, 1), DOCUMENTS)
    model = Classifier.load(f"{run}:topic")
    texts = [document.text for document in DOCUMENTS[:4]]
    assert model.predict(texts) == ["wear", "sky", "wear", "sky"]
    with pytest.raises(ModelError, match="is a classifier"):
        Transformer.load(f"{run}:topic")


def test_an_adapter_can_stand_on_an_adapter(run: Path) -> None:
    tune_chat(Lesson(run, "one", settings(), 30, 1), TALKS)
    more = settings(base="one")
    tune_chat(Lesson(run, "two", more, 1, 1), TALKS)
    assert losses(run, "two")[0] < losses(run, "one")[0] / 2
    assert (run / "finetune/two" / TENSORS).exists()
    one, two = (Transformer.load(f"{run}:{n}") for n in ("one", "two"))
    assert (two(IDS) - one(IDS)).abs().max() > 1e-3


@pytest.mark.parametrize("form", ["gpt2", "llama", "nanochat", "qwen3"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_family_reads_back_what_it_wrote(
    form: str, kind: str, tmp_path: Path
) -> None:
    model = make_model(form)
    model.save(tmp_path / "base", "native", TOK)
    attach(model, KINDS[kind], 1, 1)
    shake(model)
    learnt = model(IDS).detach()
    keep_adapter(
        model, KINDS[kind], tmp_path / "base", tmp_path / "new", TOK
    )
    close(Transformer.load(tmp_path / "new")(IDS).detach(), learnt)


def spoil_settings(place: Path, **given: Any) -> None:
    file = place / SETTINGS
    table = json.loads(file.read_text(encoding="utf-8"))
    text = json.dumps({**table, **given})
    file.write_text(text, encoding="utf-8")


def spoil_tensors(place: Path, change: Any) -> None:
    tensors = load_file(place / TENSORS)
    change(tensors)
    save_tensors(tensors, place / TENSORS)


LAYER = "base_model.model.model.layers.1.self_attn.q_proj"
STRANGER = LAYER.replace("layers.1", "layers.9")
SPOILS: dict[str, tuple[Any, str]] = {
    "gone": (
        lambda p: spoil_settings(p, base_model_name_or_path="no/such"),
        "which is not here",
    ),
    "itself": (
        lambda p: [
            spoil_settings(p, base_model_name_or_path="."),
            (p / "config.json").write_text("{}", encoding="utf-8"),
        ],
        "names itself",
    ),
    "bias": (lambda p: spoil_settings(p, bias="all"), "has bias in"),
    "more": (
        lambda p: spoil_settings(p, modules_to_save=["lm_head"]),
        "modules_to_save",
    ),
    "init": (
        lambda p: spoil_settings(p, init_lora_weights="pissa"),
        "init_lora_weights",
    ),
    "pattern": (
        lambda p: spoil_settings(p, alpha_pattern={"(a+)+b": 1}),
        "alpha_pattern",
    ),
    "dora": (
        lambda p: spoil_settings(p, use_dora=True),
        "do not agree",
    ),
    "half": (
        lambda p: spoil_tensors(
            p, lambda t: t.pop(f"{LAYER}.lora_A.weight")
        ),
        "lacks lora_A or lora_B",
    ),
    "key": (
        lambda p: spoil_tensors(p, lambda t: t.update(x=torch.ones(1))),
        "holds x",
    ),
    "layer": (
        lambda p: spoil_tensors(
            p,
            lambda t: t.update(
                {
                    f"{STRANGER}.lora_A.weight": torch.ones(8, 16),
                    f"{STRANGER}.lora_B.weight": torch.ones(12, 8),
                }
            ),
        ),
        "of another model.*layers.9",
    ),
    "shape": (
        lambda p: spoil_tensors(
            p,
            lambda t: t.update(
                {f"{LAYER}.lora_A.weight": torch.ones(8, 17)}
            ),
        ),
        "of another model.*17",
    ),
    "damaged": (
        lambda p: (p / TENSORS).write_bytes(b"x"),
        "is damaged",
    ),
    "no table": (
        lambda p: (p / SETTINGS).write_text("[]", encoding="utf-8"),
        "is not a table",
    ),
    "other base": (
        lambda p: make_model(tied=True).save(
            p.parents[1] / "checkpoints" / "base", "native", TOK
        ),
        "trained on other weights",
    ),
}


@pytest.mark.parametrize("name", SPOILS)
def test_an_adapter_that_does_not_fit_is_refused(
    name: str, run: Path
) -> None:
    tune_chat(Lesson(run, "chat", settings(), 1, 1), TALKS)
    spoil, words = SPOILS[name]
    spoil(run / "finetune" / "chat")
    with pytest.raises((ModelError, CorruptFileError), match=words):
        Transformer.load(f"{run}:chat")
