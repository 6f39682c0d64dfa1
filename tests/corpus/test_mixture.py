import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.base.document import document_id
from hornbook.corpus.mixture import copies, epochs_of
from hornbook.corpus.origin import SourceConfig

NAMES = [document_id("s", str(n)) for n in range(3000)]


def source(name: str, **options: float) -> SourceConfig:
    return SourceConfig("folder", name, path=name, **options)  # type: ignore[arg-type]


@given(
    st.lists(st.floats(0.1, 9), min_size=2, max_size=5),
    st.lists(st.integers(1, 10**9), min_size=5, max_size=5),
)
def test_weights_are_shares_of_what_is_read(
    weights: list[float], sizes: list[int]
) -> None:
    sources = [source(str(n), weight=w) for n, w in enumerate(weights)]
    held = {str(n): sizes[n] for n in range(len(weights))}
    epochs = epochs_of(sources, held)
    read = {name: epochs[name] * held[name] for name in held}
    assert sum(read.values()) == pytest.approx(sum(held.values()))
    for n, weight in enumerate(weights):
        share = read[str(n)] / sum(read.values())
        assert share == pytest.approx(weight / sum(weights))


def test_without_weights_each_is_read_as_often_as_it_says() -> None:
    sources = [source("a"), source("b", epochs=2.5)]
    assert epochs_of(sources, {"a": 5, "b": 9}) == {"a": 1, "b": 2.5}
    # A source of which nothing was left is no trouble
    assert epochs_of([source("a", weight=1)], {}) == {"a": 1}


@pytest.mark.parametrize("epochs", [0.0, 0.3, 1.0, 2.5])
def test_so_often_is_each_document_read(epochs: float) -> None:
    often = [copies(epochs, name) for name in NAMES]
    assert set(often) <= {int(epochs), int(epochs) + 1}
    assert abs(sum(often) / len(often) - epochs) < 0.03
    assert often == [copies(epochs, name) for name in NAMES]


def test_impossible_mixtures_are_refused() -> None:
    for options in ({"weight": -1.0}, {"epochs": 0.0}):
        with pytest.raises(ValueError, match="epochs"):
            source("a", **options)
