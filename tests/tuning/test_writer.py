"""A writer is asked plainly, and its replies are read strictly."""

from typing import Any

import pytest

from hornbook.base.config import convert
from hornbook.base.document import Document
from hornbook.base.errors import RecipeError
from hornbook.tuning.config import TuningConfig
from hornbook.tuning.config import check as check_tuning
from hornbook.tuning.writer import (
    WriterConfig,
    check,
    chosen,
    prompt_for,
    read_pairs,
    request_digest,
)

HAT = Document("1", "A hat {is} worn. " * 20, "Hat (head)\n wear")


def settings(**given: Any) -> WriterConfig:
    plain = {"address": "http://127.0.0.1:1/v1", "model": "small"}
    return WriterConfig(**{**plain, **given})


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"address": "here"}, "address does not begin"),
        ({"address": "file:///etc/x"}, "address does not begin"),
        ({"address": "http://"}, "address is no address"),
        ({"address": "http://a:99999/v1"}, "address is no address"),
        ({"address": "http://a b/v1"}, "address is no address"),
        ({"address": "http://[1/v1"}, "address is no address"),
        ({"address": "http://me:hush@a/v1"}, "belong into 'key'"),
        ({"address": "http://a/v1?key=hush"}, "more than a path"),
        ({"model": ""}, "model is empty"),
        ({"key": "sk-hush"}, "never the key itself"),
        ({"key": "hush0123456789"}, "never the key itself"),
        ({"pairs": 0}, "pairs is 0"),
        ({"documents": 0}, "documents is 0"),
        ({"temperature": 2.5}, "temperature is 2.5"),
        ({"seconds": float("nan")}, "seconds is nan"),
        ({"parallel": 65}, "from 1 to 64"),
    ],
)
def test_what_cannot_be_is_refused(
    given: dict[str, Any], says: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        check(settings(**given), "finetune.chat.writer")
    said = str(caught.value)
    assert said.startswith("finetune.chat.writer.") and says in said
    assert "hush" not in said


def test_what_can_be_is_taken() -> None:
    check(settings(), "x")
    check(settings(address="https://[::1]:8/", key="MY_KEY2"), "x")


@pytest.mark.parametrize(
    "other", [{"data": "x"}, {"method": "classify"}]
)
def test_a_writer_goes_with_dialogues_alone(other: Any) -> None:
    tables = {
        "writer": {"address": "http://a/v1", "model": "m"},
        "steps": 1,
    }
    check_tuning(convert(tables, TuningConfig, "x"), "x")
    with pytest.raises(RecipeError, match="method 'sft'"):
        check_tuning(convert(tables | other, TuningConfig, "x"), "x")
    tables["writer"] = {"adress": "http://a/v1", "model": "m"}
    with pytest.raises(RecipeError, match=r"writer\.adress.*'address'"):
        convert(tables, TuningConfig, "x")


def test_a_prompt_shows_the_text_and_says_what_is_wanted() -> None:
    said = prompt_for(HAT, settings(pairs=7, characters=100))
    assert "Write 7 different" in said
    assert "Title: Hat (head) wear\n" in said
    assert said.endswith(f"<text>\n{HAT.text[:100]}\n</text>")
    assert "word for word" in prompt_for(HAT, settings(quote=True))
    assert "word for word" not in said
    assert "Title" not in prompt_for(Document("2", "x"), settings())


def test_what_a_reply_depends_on_names_its_request() -> None:
    def name(**given: Any) -> str:
        config = settings(**given)
        return request_digest(prompt_for(HAT, config), config)

    same = ({}, {"documents": 9}, {"parallel": 3}, {"seconds": 1.0})
    assert len({name(**given) for given in same}) == 1
    other = (
        {}, {"model": "b"}, {"pairs": 1}, {"temperature": 0.0},
        {"tokens": 1}, {"quote": True}, {"characters": 200},
        {"address": "http://127.0.0.1:2/v1"},
    )
    assert len({name(**given) for given in other}) == len(other)


def test_documents_are_drawn_by_the_seed_whatever_their_order() -> None:
    texts = [Document(str(n), "x") for n in range(50)]
    few = settings(documents=5)
    assert chosen(texts, few, 1) == chosen(texts[::-1], few, 1)
    assert chosen(texts, few, 1) != chosen(texts, few, 2)
    # More of them are the same and others
    more = chosen(texts, settings(documents=9), 1)
    assert more[:5] == chosen(texts, few, 1)
    assert len(chosen(texts, settings(), 1)) == 50


LIST = '[{"question": " What is\\n a hat? ", "answer": " Wear. "}]'


@pytest.mark.parametrize(
    "reply",
    [
        LIST,
        f"\n{LIST}\n",
        f"```json\n{LIST}\n```",
        f"```\n{LIST}\n```\n",
        f"<think>What of [this]?</think>\n\n{LIST}",
    ],
)
def test_a_list_is_read(reply: str) -> None:
    found = read_pairs(reply, HAT, settings())
    assert found is not None
    (pair,) = found
    assert (pair.prompt, pair.reference) == ("What is a hat?", "Wear.")
    assert (pair.kind, pair.document) == ("written", "1")
    assert pair.subject == "Hat wear"
    quoted = read_pairs(reply, HAT, settings(quote=True))
    assert quoted and quoted[0].kind == "quoted"


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "Here you are: " + LIST,
        LIST[:-1],
        LIST[1:-1],
        '[{"question": "Who?"}]',
        '[{"question": "Who?", "answer": 7}]',
        '[{"question": "Who?", "answer": "I", "sure": true}]',
        '["Who?", "I"]',
        f'{{"pairs": {LIST}}}',
        "[" * 100_000,
        f"```json\n{LIST}",
    ],
)
def test_nothing_else_is_mended(reply: str) -> None:
    assert read_pairs(reply, HAT, settings()) is None


def test_an_empty_list_is_a_reply() -> None:
    assert read_pairs("[]", HAT, settings()) == []


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("org/small-1b", "org/small-1b"),
        ("/data/ann/small", "small"),
        ("~/small.gguf", "small.gguf"),
        ("./models/small", "small"),
        (r"C:\models\small", "small"),
        ("small:base", "small:base"),
    ],
)
def test_no_path_stands_on_the_card(model: str, name: str) -> None:
    assert settings(model=model).signature == name
