from hypothesis import given, settings
from hypothesis import strategies as st

from hornbook.corpus.components import label_components
from hornbook.corpus.engine import engine

NODES = st.integers(-5, 40)
EDGES = st.lists(
    st.tuples(NODES, NODES).filter(lambda edge: edge[0] < edge[1]),
    min_size=1,
    max_size=60,
    unique=True,
)
Edges = list[tuple[int, int]]


def plain(edges: Edges) -> dict[int, int]:
    """Join the ends of every edge, until nothing more joins."""
    label = {node: node for edge in edges for node in edge}
    for _ in label:
        for a, b in edges:
            label[a] = label[b] = min(label[a], label[b])
    return label


def labelled(edges: Edges) -> dict[int, tuple[int, int, float]]:
    frame = engine().from_pydict(
        {
            "a": [a for a, _ in edges],
            "b": [b for _, b in edges],
            "similarity": [0.8 + 0.001 * b for _, b in edges],
        }
    )
    return {
        row["rank"]: (row["keeper"], row["size"], row["similarity"])
        for row in label_components(frame).to_pylist()
    }


@given(EDGES)
@settings(max_examples=15)
def test_components_are_those_of_the_definition(edges: Edges) -> None:
    expected, found = plain(edges), labelled(edges)
    keepers = {node: keeper for node, (keeper, _, _) in found.items()}
    assert keepers == expected
    for node, (keeper, size, nearest) in found.items():
        assert size == list(expected.values()).count(keeper)
        others = [b for a, b in edges if node in (a, b)]
        assert nearest == 0.8 + 0.001 * max(others)


def test_a_long_chain_is_one_component() -> None:
    found = labelled([(n, n + 1) for n in range(500)])
    assert {(k, size) for k, size, _ in found.values()} == {(0, 501)}
