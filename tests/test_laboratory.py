import json
from importlib import resources
from pathlib import Path
from random import Random
from typing import Any

import pytest

import hornbook as hb
from hornbook import laboratory
from hornbook.base.errors import DataError, RecipeError
from hornbook.base.store import read_json, read_jsonl
from hornbook.cli import main
from hornbook.corpus import ablation
from hornbook.corpus.ablation import STEPS
from hornbook.model.attention import attend
from hornbook.planning.probe import Probe
from hornbook.road import LOCK
from hornbook.training import trials as rounds

PROBE = "hornbook.planning.measure.probe"
RUN = Path("runs") / "smoke"
QUICK = {"seeds": 2, "steps": 3, "settings": ("pretrain.batch=2",)}


def test_variants_share_seeds_and_text(run_copy: Path) -> None:
    before = (run_copy / "recipe.toml").read_text("utf-8")
    contest = hb.trials(
        run_copy,
        {"as it is": {}, "deep": {"model.layers": 2}},
        **QUICK,
    )
    first, deep = contest.entries
    assert first.bits is not None and first.bits.seeds == 2
    assert deep.behind is not None and deep.behind.seeds == 2
    assert deep.parameters > first.parameters
    assert {first.steps, deep.steps} == {3}
    assert "as it is" in str(contest) and "deep" in str(contest)

    # The run itself is as it was, and nothing is tried twice
    assert (run_copy / "recipe.toml").read_text("utf-8") == before
    log = run_copy / laboratory.LOG
    lines = read_jsonl(log)
    seeds = [(line["name"], line["seed"]) for line in lines]
    assert seeds == [
        ("as it is", 1), ("deep", 1), ("as it is", 2), ("deep", 2),
    ]
    other = hb.trials(run_copy, {"renamed": {}}, **QUICK)
    assert other.entries[0].bits == first.bits
    assert read_jsonl(log) == lines


def test_a_recipe_that_was_never_run_is_planned_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = Probe(threads=1, tokens_per_second=1e5)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(PROBE, lambda *_: measured)
    with laboratory.bench("smoke") as (folder, text):
        assert (folder / "plan.json").exists()
        assert text.train.documents > 100


def test_an_attention_of_ones_own_is_tried(
    run_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mine(*args: Any, **more: Any) -> Any:
        return 0.5 * attend(*args, **more)

    monkeypatch.setitem(hb.ATTENTION, "mine", mine)
    contest = hb.trials(
        run_copy,
        {"sdpa": {}, "mine": {"model.attention": "mine"}},
        **QUICK,
    )
    sdpa, own = contest.entries
    assert own.bits is not None and own.bits != sdpa.bits


def test_ways_to_cut_text_have_equal_compute(
    run_copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kinds = "tokenizer.kind=bpe,word"
    words = ["trials", str(run_copy), "--vary", kinds]
    more = ["--seeds", "1", "--steps", "3", "--json"]
    assert main([*words, *more]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == read_json(run_copy / laboratory.CUTS)
    bpe, word = told["cuts"]
    assert (bpe["kind"], word["kind"]) == ("bpe", "word")
    assert bpe["fit"]["unknown"] == 0 < word["fit"]["unknown"]
    first, second = told["contest"]["entries"]
    assert first["steps"] == second["steps"] == 3
    (line,) = [
        each
        for each in read_jsonl(run_copy / laboratory.LOG)
        if each["name"] == "kind=word"
    ]
    lost = 8 * word["fit"]["lost_bytes"] / word["fit"]["bytes"]
    assert second["bits"]["value"] == line["bits_per_byte"] > lost

    # No more than the tokenizer differs, and nothing runs by the clock
    assert main([*words, "--seconds", "3"]) == 1
    assert "equal FLOPs" in capsys.readouterr().err
    with pytest.raises(RecipeError, match="models are alike"):
        hb.try_tokenizers(run_copy, {"a": {"model.layers": 2}})


def test_an_ablation_is_made_once_and_goes_on(
    run_copy: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # Leave two steps to compare, and stop in the second training
    few = {n: STEPS[n] for n in ("rules", "exact_duplicate")}
    monkeypatch.setattr(ablation, "STEPS", few)
    monkeypatch.setattr(laboratory, "STEPS", 3)
    tried, attempt = [], rounds.attempt

    def stop(trial: Any, *more: Any) -> Any:
        tried.append(trial.name)
        if len(tried) == 2:
            raise KeyboardInterrupt
        return attempt(trial, *more)

    monkeypatch.setattr(rounds, "attempt", stop)
    line = ["curate", str(run_copy), "--ablate", "--seeds", "2"]
    assert main(line) != 0
    told = capsys.readouterr().err
    assert "4 variants of the text" in told and "3 steps" in told
    place = run_copy / laboratory.ABLATION
    assert not (place / laboratory.FOUND).exists()

    # What is clean already is the same in every way: one training each
    assert main([*line, "--json"]) == 0
    captured = capsys.readouterr()
    assert "curating" not in captured.err
    found = json.loads(captured.out)
    assert found == read_json(place / laboratory.FOUND)
    names = [each["name"] for each in found["variants"]]
    assert names == ["raw", "rules", "exact_duplicate", "all"]
    assert tried[:1] == ["raw"] and len(tried) < 8
    sizes = {each["documents"] for each in found["variants"]}
    assert sizes == {read_json(run_copy / "corpus" / "card.json")[
        "documents"]["train"]}
    for each, entry in zip(
        found["variants"], found["contest"]["entries"], strict=True
    ):
        assert entry["bits"]["seeds"] == 2 and entry["steps"] == 3
        if each["same"]:
            assert entry["behind"]["value"] == 0
    picture = (place / laboratory.PICTURE).read_text("utf-8")
    assert "<svg" in picture


@pytest.mark.slow
def test_garbage_costs_bits_and_a_rule_saves_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Write articles among twice as many documents of symbols
    monkeypatch.chdir(tmp_path)
    recipes = resources.files("hornbook") / "recipes"
    articles = Path(str(recipes)) / "smoke" / "articles.jsonl"
    texts = [each["extract"] for each in read_jsonl(articles)]
    chance = Random(1)
    texts += [
        "".join(chance.choices("#{}<>|=^~*_[]0123456789 ", k=600))
        for _ in range(2 * len(texts))
    ]
    lines = (json.dumps({"text": text}) + "\n" for text in texts)
    Path("text").mkdir()
    Path("text/all.jsonl").write_text("".join(lines), "utf-8")
    Path("dirty.toml").write_text(DIRTY, "utf-8")
    measured = Probe(threads=1, tokens_per_second=1e5)
    monkeypatch.setattr(PROBE, lambda *_: measured)

    # See that the rules help, and that what changes nothing does not
    found = hb.ablate("dirty.toml", minutes=0.15, seeds=3)
    entries = {e.name: e for e in found.contest.entries}
    same = {v.name: v.same for v in found.variants}
    assert entries["all"].verdict == "better"
    assert entries["rules"].verdict == "better"
    assert same["exact_duplicate"] and not same["rules"]
    documents = {v.name: v.documents for v in found.variants}
    assert documents["raw"] > 2.5 * documents["all"]


DIRTY = """
[corpus]
heldout_documents = 60
[[corpus.source]]
kind = "folder"
path = "text"
[tokenizer]
vocab_size = 512
[model]
layers = 1
width = 32
heads = 2
context = 64
[pretrain]
steps = 10
batch = 8
compile = "off"
"""


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--minutes 3", "--minutes needs --ablate"),
        ("--seeds 3", "--seeds needs --ablate"),
        ("--ablate --seeds 0", "--seeds is 0"),
        ("--ablate --minutes -1", "more than 0"),
        ("--ablate --minutes 1e-9", "fewer seeds"),
        ("--ablate --explain Hat", "one of them"),
    ],
)
def test_an_ablation_that_cannot_be_is_told(
    run_copy: Path,
    line: str,
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["curate", str(run_copy), *line.split()]) == 1
    assert words in capsys.readouterr().err
    assert not (run_copy / laboratory.ABLATION).exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tokenizer.vocab_size": 400}, "share one text"),
        ({"seed": 3}, "share one text"),
        ({"pretrain.steps": 9}, "one budget"),
        ({"pretrain.minutes": 9}, "one budget"),
        ({"model.form": "gpt2"}, "every choice of its form"),
        ({"model.layer": 3}, "did you mean 'layers'"),
        ({"model.heads": 3}, "not divisible"),
    ],
    ids=str,
)
def test_what_all_must_share_cannot_vary(
    run_copy: Path, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(RecipeError, match=words):
        hb.trials(run_copy, {"a": {}, "b": changes}, **QUICK)
    assert not (run_copy / laboratory.LOG).exists()


@pytest.mark.parametrize(
    "budget",
    [
        {"steps": 3, "seconds": 1.0}, {"steps": -1}, {"seconds": -1.0},
        {"seeds": 0},
    ],
    ids=str,
)
def test_a_budget_has_to_be_one(
    run_copy: Path, budget: dict[str, Any]
) -> None:
    with pytest.raises(RecipeError):
        hb.trials(run_copy, {"a": {}}, **budget)
    with pytest.raises(RecipeError):
        hb.find_rate(run_copy, **budget)


def test_no_variant_is_told(run_copy: Path) -> None:
    with pytest.raises(RecipeError, match="0 variants"):
        hb.trials(run_copy, {})


def test_no_two_work_in_one_run(run_copy: Path) -> None:
    (run_copy / LOCK).write_text("1", encoding="utf-8")
    with pytest.raises(DataError, match="at work"):
        hb.trials(run_copy, {"a": {}}, **QUICK)


def test_a_rate_is_found_and_kept(run_copy: Path) -> None:
    found = hb.find_rate(run_copy, "lr_embedding", **QUICK)
    kept = read_json(run_copy / "rates" / "lr_embedding.json")
    assert kept["rate"]["value"] == found.rate.value > 0
    picture = run_copy / "rates" / "lr_embedding.svg"
    assert "<svg" in picture.read_text("utf-8")
    with pytest.raises(RecipeError, match="no rate 'lr_tail'"):
        hb.find_rate(run_copy, "lr_tail", **QUICK)
    alone = {**QUICK, "settings": ("pretrain.optimizer=adamw",)}
    with pytest.raises(RecipeError, match="one rate, lr"):
        hb.find_rate(run_copy, "lr_head", **alone)


def test_the_commands_print_table_and_line(
    run_copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    budget = ["--seeds", "1", "--steps", "2"]
    vary = ["--vary", "model.attention=sdpa,explicit"]
    assert main(["trials", str(run_copy), *vary, *budget]) == 0
    out = capsys.readouterr().out
    assert "attention=sdpa" in out and "more than attention=sdpa" in out
    line = ["trials", str(run_copy), *vary, *budget, "--json"]
    assert main(line) == 0
    told = json.loads(capsys.readouterr().out)
    assert len(told["entries"]) == 2
    assert main(["find-rate", str(run_copy), *budget]) == 0
    assert "put it below [pretrain]:\n\n    lr = " in (
        capsys.readouterr().out
    )
    assert main(["trials", str(run_copy), "--vary", "layers"]) == 1
    assert "KEY=VALUE,VALUE" in capsys.readouterr().err
