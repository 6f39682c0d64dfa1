"""Connected components, by joins: which texts hang together at all.

Every text begins with its own rank as its label and takes the lowest
label among its neighbours', again and again, until nothing changes.
Labels also jump: a text takes the label that its label's own text has.
A chain of n texts in their order needs about log n rounds; in disorder
it may need nearly n, but clusters of copies are seldom chains.
"""

from typing import Any

from hornbook.corpus.engine import computed, engine


def label_components(edges: Any) -> Any:
    """Label the components of a graph: the query of its nodes.

    ``edges`` is a query with ``a``, ``b`` and ``similarity``. Gives
    ``rank``, ``keeper`` (the lowest rank in its component), ``size``
    of the component and ``similarity`` (of the nearest neighbour).
    """
    col = engine().col

    # See each edge from both of its ends
    there = edges.select(
        col("a").alias("rank"), col("b").alias("other"), "similarity"
    )
    back = edges.select(
        col("b").alias("rank"), col("a").alias("other"), "similarity"
    )
    ends = computed(there.union_all(back))
    nodes = ends.groupby("rank").agg(col("similarity").max())
    labels = computed(nodes.select("rank", col("rank").alias("label")))

    # Lower the labels until none changes
    while True:
        lower = computed(_jump(_spread(labels, ends)))
        changed = lower.join(
            labels, on=["rank", "label"], how="anti"
        ).count_rows()
        labels = lower
        if not changed:
            break

    # Say how large each component is
    sizes = labels.groupby("label").agg(
        col("rank").count().alias("size")
    )
    named = labels.join(sizes, on="label").join(nodes, on="rank")
    return named.select(
        "rank", col("label").alias("keeper"), "size", "similarity"
    )


def _spread(labels: Any, ends: Any) -> Any:
    """Give each node the lowest label of itself and its neighbours."""
    col = engine().col
    seen = labels.select(col("rank").alias("other"), "label")
    heard = ends.select("rank", "other").join(seen, on="other")
    told = heard.select("rank", "label").union_all(labels)
    return told.groupby("rank").agg(col("label").min())


def _jump(labels: Any) -> Any:
    """Give each node the label of the node that its label names."""
    col = engine().col
    above = labels.select(
        col("rank").alias("label"), col("label").alias("higher")
    )
    return labels.join(above, on="label").select(
        "rank", col("higher").alias("label")
    )
