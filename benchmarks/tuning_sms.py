r"""Spam among short messages: how often a classifier is right.

    python benchmarks/tuning_sms.py --data ../shared/data \
        --base random --seeds 5

The split is that of Raschka's book: as many messages of either kind,
747, drawn by seed; of them 70% to learn from, 10% set aside and 20% to
test on. ``--base random`` begins with weights that have learnt nothing,
and with a vocabulary learnt from the messages of the first part; any
other base is a model as ``hornbook finetune --base`` takes it. Beside
it a logistic regression on TF-IDF learns from the same messages. All
settings were chosen on seed 0, which is none of those that are told;
``--aside`` measures on both parts that it did not learn from.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import msgspec
import numpy as np
import torch
from scipy.stats import t as student

from hornbook.base.document import Document
from hornbook.model.config import make_config
from hornbook.model.transformer import Transformer
from hornbook.tokenizer.tokenizer import SPECIALS, Tokenizer
from hornbook.tuning.calibrate import judge
from hornbook.tuning.classify import Classifier
from hornbook.tuning.config import TuningConfig
from hornbook.tuning.lesson import Lesson
from hornbook.tuning.tune import tune_classes

SHAPE = {"layers": 2, "width": 128, "heads": 4, "context": 128}
VOCABULARY = 1024
RANDOM = {
    "epochs": 6, "batch": 32, "optimizer": "adamw", "lr": 1e-3,
    "length": 128, "weight_decay": 0.1,
}
PRETRAINED = {
    "epochs": 3, "batch": 16, "optimizer": "adamw", "lr": 1e-3,
    "length": 120, "pooling": "mean", "lora": {"rank": 8},
    "blocks": 4, "rows": 8,
}


def split(file: Path, seed: int) -> list[list[Document]]:
    """Give the three parts of a seed."""
    lines = file.read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t", 1) for line in lines if "\t" in line]
    chance = np.random.default_rng(seed)
    kinds = {
        kind: [text for label, text in rows if label == kind]
        for kind in ("ham", "spam")
    }
    few = min(map(len, kinds.values()))
    drawn = [
        Document(f"{kind}{n}", texts[n], topic=kind)
        for kind, texts in kinds.items()
        for n in chance.permutation(len(texts))[:few]
    ]
    order = [drawn[n] for n in chance.permutation(len(drawn))]
    first, second = int(len(order) * 0.7), int(len(order) * 0.8)
    return [order[:first], order[first:second], order[second:]]


def make_base(folder: Path, texts: list[str], seed: int) -> None:
    """Write a model that has learnt nothing, with its tokenizer."""
    tok = Tokenizer.train(texts, VOCABULARY, "cl100k", SPECIALS)
    shape = make_config(vocab_size=tok.vocab_size, **SHAPE)
    Transformer(shape, seed).save(folder, "native", tok)


def regression(
    learnt: list[Document], asked: list[Document]
) -> float:
    """Give the share that TF-IDF and a line get right."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    words = TfidfVectorizer(sublinear_tf=True)
    table = words.fit_transform([d.text for d in learnt])
    line = LogisticRegression(C=10.0, max_iter=1000)
    line.fit(table, [d.topic for d in learnt])
    found = line.predict(words.transform([d.text for d in asked]))
    topics = np.array([d.topic for d in asked])
    return float((found == topics).mean())


def run(given: argparse.Namespace, seed: int) -> dict[str, float]:
    """Learn from one split, and test."""
    file = given.data / "classify" / "sms" / "SMSSpamCollection"
    learnt, aside, test = split(file, seed)
    asked = [*aside, *test] if given.aside else test
    settings = RANDOM if given.base == "random" else PRETRAINED
    settings = {**settings, **json.loads(given.set)}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        base = given.base
        if base == "random":
            base = "base"
            texts = [d.text for d in learnt]
            make_base(place / "checkpoints" / "base", texts, seed)
        table = {
            "method": "classify", "base": base, "compile": "off",
            "precision": given.precision, "evaluations": 0,
            "classes": {"heldout": 0.0}, **settings,
        }
        config = msgspec.convert(table, TuningConfig)
        elsewhere = base != "base"
        lesson = Lesson(
            place, "spam", config, 0, seed, elsewhere=elsewhere
        )
        before = time.perf_counter()
        tune_classes(lesson, learnt)
        seconds = time.perf_counter() - before
        model = Classifier.load(place / "finetune" / "spam")
        told = judge(model, asked, "test")
    return {
        "seed": seed,
        "learnt": len(learnt),
        "asked": len(asked),
        "right": told["accuracy"],
        "regression": regression(learnt, asked),
        "seconds": round(seconds, 1),
    }


def interval(values: list[float]) -> list[float]:
    """Give the mean of some seeds, and its interval at 95%."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return [mean, mean, mean]
    wide = student.ppf(0.975, len(values) - 1)
    half = float(wide * np.std(values, ddof=1) / len(values) ** 0.5)
    return [mean, mean - half, mean + half]


def main() -> None:
    """Learn from each seed's split, and print what came."""
    words = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    words.add_argument("--data", type=Path, required=True)
    words.add_argument("--base", default="random")
    words.add_argument("--seeds", type=int, default=5)
    words.add_argument("--first", type=int, default=1)
    words.add_argument("--aside", action="store_true")
    words.add_argument("--set", default="{}", help="settings, as JSON")
    words.add_argument("--precision", default="auto")
    words.add_argument("--threads", type=int, default=2)
    given = words.parse_args()
    torch.set_num_threads(given.threads)
    told = []
    for seed in range(given.first, given.first + given.seeds):
        told.append(run(given, seed))
        print(json.dumps(told[-1]), flush=True)
    print(
        json.dumps(
            {
                "right": interval([each["right"] for each in told]),
                "regression": interval(
                    [each["regression"] for each in told]
                ),
                "most_seconds": max(each["seconds"] for each in told),
            }
        )
    )


if __name__ == "__main__":
    main()
