"""Curate WARC files with Hornbook, by the steps datatrove is given.

Text from pages, English alone, Gopher's rules, near-duplicates by
MinHash in 14 bands of 8; nothing is held out, since the peer holds
nothing out.
"""

import argparse
import json
import shutil
import time
from pathlib import Path


def curate(given: argparse.Namespace) -> int:
    """Run all steps, and count the texts that are kept."""
    import msgspec

    from hornbook.corpus.config import CorpusConfig
    from hornbook.corpus.pipeline import curate

    source = {
        "kind": "warc",
        "path": str(given.warcs),
        "extractor": given.extractor,
    }
    config = {
        "source": [source],
        "language": {"keep": ["en"], "least_score": 0.4},
        "rules": {"names": ["gopher"]},
        "near_duplicate": 0.8,
        "near_bands": 14,
        "near_rows": 8,
        "heldout_share": 0.0,
    }
    recipe = msgspec.convert(config, CorpusConfig)
    card = curate(recipe, given.to, 1, given.cache)
    kept: int = card["documents"]["kept"]
    return kept


def main() -> None:
    words = argparse.ArgumentParser()
    words.add_argument("--warcs", type=Path, required=True)
    words.add_argument("--to", type=Path, required=True)
    words.add_argument("--cache", type=Path, required=True)
    words.add_argument("--extractor", default="fast")
    given = words.parse_args()
    shutil.rmtree(given.to, ignore_errors=True)

    # Time all of it, the start of its processes included
    before = time.perf_counter()
    kept = curate(given)
    seconds = time.perf_counter() - before
    print(json.dumps({"seconds": seconds, "kept": kept}), flush=True)


if __name__ == "__main__":
    main()
