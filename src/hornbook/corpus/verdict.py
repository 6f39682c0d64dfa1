"""Verdicts in words: a share that is too small, or too large."""


def below(share: float, least: float, what: str) -> str:
    """Say by how much a share is too small.

    >>> below(0.5, 0.6, "letters")
    'letters: 50.0%'
    """
    return f"{what}: {share:.1%}" if share < least else ""


def above(share: float, most: float, what: str) -> str:
    """Say by how much a share is too large."""
    return f"{what}: {share:.1%}" if share > most else ""
