"""A run's folder, as small as one can be and still be measured."""

import json
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Keep tiny models from waiting for each other's threads."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with all its parts; its models have learnt nothing."""
    import msgspec
    import pyarrow as pa
    import pyarrow.parquet as pq

    from hornbook.base.document import Document, document_id
    from hornbook.base.store import write_json
    from hornbook.model.config import ModelConfig
    from hornbook.model.transformer import Transformer
    from hornbook.tokenizer.config import TokenizerConfig
    from hornbook.tokenizer.shards import write_shard
    from hornbook.tokenizer.tokenizer import Tokenizer
    from hornbook.tuning.classify import Classifier

    # Take some articles, and hold a few of them out
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    source = resources.files("hornbook.recipes") / "smoke"
    text = (source / "articles.jsonl").read_text(encoding="utf-8")
    articles = [json.loads(line) for line in text.splitlines()[:120]]
    documents = [
        Document(
            document_id("smoke", article["extract"]),
            article["extract"],
            article["title"],
            article["description"],
            article["topic"],
        )
        for article in articles
    ]
    sides = {"train": documents[30:], "heldout": documents[:30]}

    # Write the folder as the earlier stages would
    specials = TokenizerConfig().special_tokens
    texts = [document.full_text for document in sides["train"]]
    tok = Tokenizer.train(texts, 300, "gpt2", specials)
    tok.save(folder / "tokenizer")
    (folder / "corpus").mkdir()
    for name, side in sides.items():
        rows = [msgspec.to_builtins(document) for document in side]
        path = folder / "corpus" / f"{name}.parquet"
        pq.write_table(pa.Table.from_pylist(rows), path)
        shard = folder / "tokens" / f"{name}.bin"
        write_shard(shard, [d.full_text for d in side], tok)
    shape = ModelConfig(
        vocab_size=tok.vocab_size, layers=1, width=16, heads=2,
        context=64,
    )
    model = Transformer(shape.resolved(), seed=1)
    model.save(folder / "checkpoints" / "base", "native", tok)
    model.save(folder / "finetune" / "chat", "native", tok)
    topics = sorted({document.topic for document in documents})
    classifier = Classifier(model, tok, topics)
    classifier.save(folder / "finetune" / "topic")
    write_json(
        folder / "corpus" / "card.json",
        {
            "documents": {"in": 120, "kept": 120, "train": 90},
            "bytes": {"train": 50_000},
            "sources": [{"name": "smoke", "licence": "CC BY-SA 4.0"}],
        },
    )
    lines = [
        {"step": step, "loss": 6 - step / 9, "tokens": 64 * step}
        for step in range(1, 20)
    ]
    lines += [
        {"step": 1, "heldout_bpb": 3.0},
        {"step": 19, "heldout_bpb": 2.0, "sample": "<b>The</b> end"},
    ]
    log = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "metrics.jsonl").write_text(log, encoding="utf-8")
    return folder
