import pytest
import torch

from hornbook.inference.generate import Sampling, next_tokens
from hornbook.inference.rollouts import draw, luck, roll_out
from hornbook.model.config import make_config
from hornbook.model.transformer import Transformer

PROMPTS = [[3, 1, 4, 1, 5], [9, 2], [6, 5, 3, 5, 8, 9, 7]]
END = 11


def model_of(form: str) -> Transformer:
    """A model that has opinions, though no reason for them."""
    shape = make_config(
        form=form, vocab_size=12, layers=2, width=16, heads=2,
        context=32,
    )
    model = Transformer(shape, seed=2).eval()
    random = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(0, 0.4, generator=random)
    return model


@torch.no_grad()
def alone(
    model: Transformer,
    prompt: list[int],
    temperature: float,
    chance: torch.Tensor,
) -> list[int]:
    """Answer one prompt, reading all of it anew for every token."""
    said: list[int] = []
    for number in chance:
        logits = model(torch.tensor([[*prompt, *said]]))[:, -1]
        said += draw(logits, temperature, number[None]).tolist()
        if said[-1] == END:
            break
    return said


@pytest.mark.parametrize("form", ["llama", "gpt2", "nanochat"])
@pytest.mark.parametrize("temperature", [0.0, 1.0, 3.0])
def test_answers_side_by_side_are_those_given_alone(
    form: str, temperature: float
) -> None:
    model = model_of(form)
    rolled = roll_out(model, PROMPTS, 4, {END}, 20, temperature, 7)
    numbers = luck(7, 12, 20)
    for row in range(12):
        prompt = PROMPTS[row // 4]
        wanted = alone(model, prompt, temperature, numbers[row])
        assert rolled.answer(row) == wanted
    lengths = set(rolled.lengths.tolist())
    assert len(lengths) > 1 or temperature == 0


@pytest.mark.parametrize("form", ["llama", "gpt2", "nanochat"])
def test_the_likeliest_answers_are_those_of_generate(
    form: str,
) -> None:
    model = model_of(form)
    rolled = roll_out(model, PROMPTS, 1, {END}, 12, 0.0, 0)
    for row, prompt in enumerate(PROMPTS):
        wanted = []
        for token in next_tokens(model, prompt, Sampling(12)):
            wanted.append(token)
            if token == END:
                break
        assert rolled.answer(row) == wanted


def test_tokens_come_as_often_as_their_chances() -> None:
    chances = torch.tensor([[0.5, 0.0, 0.3, 0.2]])
    numbers = (torch.arange(1000) + 0.5) / 1000
    logits = chances.log().expand(1000, 4)
    counts = draw(logits, 1.0, numbers).bincount(minlength=4)
    assert counts.tolist() == [500, 0, 300, 200]


def test_equal_seeds_give_equal_answers() -> None:
    model = model_of("llama")
    first, same, other = (
        roll_out(model, PROMPTS, 8, {END}, 10, 1.0, seed).ids.tolist()
        for seed in (1, 1, 2)
    )
    assert first == same != other
