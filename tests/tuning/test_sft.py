import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hornbook.base.dialogue import Dialogue, ask
from hornbook.base.errors import DataError
from hornbook.model.config import make_config
from hornbook.model.transformer import Transformer
from hornbook.tokenizer.chat import gap_of
from hornbook.tokenizer.tokenizer import SPECIALS, Tokenizer
from hornbook.training.loss import IGNORE, next_token_loss
from hornbook.tuning.sft import (
    Dialogues,
    Example,
    Packed,
    encode,
    pack,
)
from hornbook.tuning.tune import warn_of_long

TOK = Tokenizer.train(
    ["What is a hat? A head covering."], 280, "gpt2", SPECIALS
)
PAD = TOK.special("<|pad|>")
CONTEXT = 40

TURN = st.text("What is a hat?", min_size=1, max_size=8).filter(
    str.strip
)
TALKS = st.lists(
    st.lists(TURN, min_size=2, max_size=4).map(lambda t: ask(*t)),
    min_size=1,
    max_size=6,
)


def packed_of(*dialogues: Dialogue, context: int = CONTEXT) -> Packed:
    """Pack dialogues as training does."""
    return pack(encode(TOK, dialogues), context, PAD)


def parts(packed: Packed) -> list[tuple[list[int], list[int]]]:
    """Give each packed dialogue's ids and what is learnt of it."""
    found = []
    for ids, targets, number in zip(
        packed.ids, packed.targets, packed.dialogue, strict=True
    ):
        for dialogue in range(1, int(number.max()) + 1):
            here = number == dialogue
            learnt = targets[here]
            found.append(
                (ids[here].tolist(), learnt[learnt != IGNORE].tolist())
            )
    return found


@given(TALKS)
def test_answers_and_their_ends_are_learnt_and_nothing_else(
    talks: list[Dialogue],
) -> None:
    wanted = []
    for talk, example in zip(talks, encode(TOK, talks), strict=True):
        answers = [
            [*TOK.encode(gap_of(TOK) + said.content), TOK.end]
            for said in talk.messages
            if said.role == "assistant"
        ]
        wanted.append((example.ids, sum(answers, [])))
    fitting = [pair for pair in wanted if len(pair[0]) <= CONTEXT]
    if fitting:
        packed = packed_of(*talks)
        assert sorted(parts(packed)) == sorted(fitting)
        assert packed.too_long == len(wanted) - len(fitting)


@given(TALKS)
def test_a_target_is_the_token_that_comes_next(
    talks: list[Dialogue],
) -> None:
    packed = packed_of(*talks, context=120)
    learnt = packed.targets[:, :-1] != IGNORE
    following = packed.ids[:, 1:]
    assert (packed.targets[:, :-1] == following)[learnt].all()
    assert (packed.targets[:, -1] == IGNORE).all()
    filling = packed.dialogue == 0
    assert (packed.ids[filling] == PAD).all()
    assert (packed.targets[filling] == IGNORE).all()


@given(st.lists(st.integers(1, 12), min_size=1, max_size=30))
def test_rows_are_filled_well(sizes: list[int]) -> None:
    examples = [Example([1] * n, [True] * n) for n in sizes]
    rows = pack(examples, 12, 0).ids.shape[0]
    # Best fit takes at most twice what is needed
    assert sum(sizes) / 12 <= rows <= max(1, 2 * sum(sizes) / 12 + 1)


@settings(max_examples=15)
@given(TALKS, st.sampled_from(["llama", "nanochat"]))
def test_packed_dialogues_do_not_see_each_other(
    talks: list[Dialogue], form: str
) -> None:
    model = Transformer(
        make_config(
            form=form,
            vocab_size=TOK.vocab_size,
            layers=2,
            width=16,
            heads=2,
            context=120,
        )
    ).eval()
    random = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(0, 0.2, generator=random)
    batch = Dialogues(packed_of(*talks, context=120), 1, seed=0)(0)
    assert batch["visible"].shape == (1, 1, 120, 120)
    with torch.no_grad():
        together = model(batch["ids"], visible=batch["visible"])[0]
    assert together.isfinite().all()
    numbers = Dialogues(packed_of(*talks, context=120), 1, 0)
    row = numbers.order.batch(0, 1)[0]
    of = torch.from_numpy(numbers.packed.dialogue[row])
    for number in range(1, int(of.max()) + 1):
        with torch.no_grad():
            alone = model(batch["ids"][:, of == number])[0]
        gap = (together[of == number] - alone).abs().max()
        assert gap < 1e-4


def test_questions_cost_nothing() -> None:
    model = Transformer(
        make_config(
            vocab_size=TOK.vocab_size,
            layers=1,
            width=16,
            heads=2,
            context=CONTEXT,
        )
    )
    batch = Dialogues(packed_of(ask("hat?", "A")), 1, 0)(0)
    nothing = {**batch, "targets": batch["targets"].clone()}
    nothing["targets"][nothing["targets"] == TOK.end] = IGNORE
    assert (batch["targets"] != IGNORE).sum() == 2
    assert (nothing["targets"] != IGNORE).sum() == 1
    assert next_token_loss(model, **batch).isfinite()


def test_dialogues_that_are_too_long_are_counted() -> None:
    packed = packed_of(ask("hat?", "A hat."), ask("hat?", "x" * 99))
    assert packed.too_long == 1
    assert len(parts(packed)) == 1


def test_the_first_that_is_too_long_is_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    talks = [
        ask("hat?", "A hat.", document="short"),
        ask("hat?", "x" * 99, document="mine.jsonl:7"),
    ]
    warn_of_long(talks, encode(TOK, talks), 32)
    said = " ".join(capsys.readouterr().err.split())
    assert "1 of 2 dialogues are longer than 32 tokens" in said
    assert "mine.jsonl:7" in said and "short" not in said


@pytest.mark.parametrize("talks", [[], [ask("hat?", "x" * 99)]])
def test_where_no_dialogue_fits_nothing_can_be_learnt(
    talks: list[Dialogue],
) -> None:
    with pytest.raises(DataError, match=f"{len(talks)} dialogues"):
        packed_of(*talks)


def test_a_step_gives_the_same_rows_whatever_came_before() -> None:
    talks = [ask(f"{i}?", f"hat {i}" * 5) for i in range(7)]
    packed = packed_of(*talks)
    fresh, used = Dialogues(packed, 2, 4), Dialogues(packed, 2, 4)
    for step in range(6):
        used(step)
    assert torch.equal(fresh(3)["ids"], used(3)["ids"])
    seen = torch.cat([fresh(step)["ids"] for step in range(4)])
    assert {tuple(row) for row in packed.ids.tolist()} == {
        tuple(row) for row in seen.tolist()
    }
