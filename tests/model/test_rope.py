import torch
from hypothesis import given
from hypothesis import strategies as st

from hornbook.model.rope import rotate, rotation_tables

PLACES = st.integers(0, 40)


@given(
    m=PLACES, n=PLACES, shift=st.integers(0, 40), half=st.integers(1, 4)
)
def test_scores_know_only_how_far_apart_places_are(
    m: int, n: int, shift: int, half: int
) -> None:
    cos, sin = rotation_tables(81, 2 * half, 10000.0)
    torch.manual_seed(half)
    q, k = torch.randn(2, 1, 1, 1, 2 * half)

    def score(at: int, from_: int) -> torch.Tensor:
        here = slice(at, at + 1)
        there = slice(from_, from_ + 1)
        turned = rotate(q, cos[here], sin[here])
        return (turned * rotate(k, cos[there], sin[there])).sum()

    torch.testing.assert_close(
        score(m, n), score(m + shift, n + shift), atol=1e-4, rtol=1e-4
    )


def test_distance_counts() -> None:
    cos, sin = rotation_tables(9, 4, 100.0)
    q = torch.ones(1, 1, 9, 4)
    scores = rotate(q, cos, sin)[0, 0] @ torch.ones(4)
    assert len(set(scores.tolist())) == 9


def test_turning_keeps_lengths_and_leaves_place_zero() -> None:
    cos, sin = rotation_tables(12, 6, 10000.0)
    x = torch.randn(2, 3, 12, 6)
    turned = rotate(x, cos, sin)
    torch.testing.assert_close(turned.norm(dim=-1), x.norm(dim=-1))
    assert torch.equal(turned[:, :, 0], x[:, :, 0])


def test_angles_by_hand() -> None:
    cos, sin = rotation_tables(3, 4, 100.0)
    angles = torch.tensor([[0.0, 0.0], [1.0, 0.1], [2.0, 0.2]])
    torch.testing.assert_close(cos, angles.cos())
    torch.testing.assert_close(sin, angles.sin())
    x = torch.tensor([1.0, 0.0, 0.0, 1.0]).reshape(1, 1, 1, 4)
    turned = rotate(x, cos[1:2], sin[1:2]).flatten()
    c, s = cos[1], sin[1]
    expected = torch.stack([c[0], -s[1], s[0], c[1]])
    torch.testing.assert_close(turned, expected)


def test_half_precision_stays_half_precision() -> None:
    cos, sin = rotation_tables(3, 4, 100.0)
    x = torch.randn(1, 1, 3, 4, dtype=torch.bfloat16)
    assert rotate(x, cos, sin).dtype == torch.bfloat16
