import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.base.errors import DataError
from hornbook.tuning.data import read_dialogues, read_labelled, records

ASKED = {"role": "user", "content": "What is a hat?"}
ANSWERED = {"role": "assistant", "content": "A head covering."}
TALK = [
    ("user", "What is a hat?"),
    ("assistant", "A head covering."),
]


def write(folder: Path, name: str, text: str) -> Path:
    """Write a file of examples."""
    path = folder / name
    path.write_text(text, encoding="utf-8", newline="")
    return path


def said(path: Path) -> list[list[tuple[str, str]]]:
    """What a file's dialogues say."""
    return [
        [(m.role, m.content) for m in dialogue.messages]
        for dialogue in read_dialogues(path)
    ]


@pytest.mark.parametrize("form", ["list", "lines", "lines\r\n"])
def test_messages_and_instructions_are_dialogues(
    tmp_path: Path, form: str
) -> None:
    found = [
        {"messages": [ASKED, ANSWERED], "note": 1},
        {
            "instruction": "What is a hat?",
            "output": "A head covering.",
        },
        {"instruction": "Say it.", "input": "hat", "output": "Hat."},
        {"instruction": "Say.", "input": None, "output": "Hat."},
    ]
    text = json.dumps(found, indent=1)
    if form != "list":
        end = form.removeprefix("lines") or "\n"
        text = "".join(json.dumps(one) + end for one in found)
    path = write(tmp_path, "talk.jsonl", text)
    assert said(path) == [
        TALK,
        TALK,
        [("user", "Say it.\nhat"), ("assistant", "Hat.")],
        [("user", "Say."), ("assistant", "Hat.")],
    ]


def test_a_dialogue_says_where_it_stands(tmp_path: Path) -> None:
    line = json.dumps({"messages": [ASKED, ANSWERED]})
    path = write(tmp_path, "talk.jsonl", f"{line}\n\n{line}\n")
    places = [dialogue.document for dialogue in read_dialogues(path)]
    assert places == ["talk.jsonl:1", "talk.jsonl:3"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"text": "hat"},
        {"instruction": "hat"},
        {"instruction": "hat", "output": None},
        {"instruction": 5, "output": "hat"},
        {"instruction": "hat", "output": ["hat"]},
        {"messages": "hat"},
        {"messages": [{"role": "wizard", "content": "hat"}]},
        {"messages": [{"role": "user"}]},
        {"messages": []},
        {"messages": [ASKED]},
        ["hat"],
        "hat",
        None,
    ],
)
def test_what_is_no_dialogue_is_named(
    tmp_path: Path, wrong: object
) -> None:
    good = json.dumps({"messages": [ASKED, ANSWERED]})
    text = f"{good}\n{json.dumps(wrong)}\n"
    path = write(tmp_path, "talk.jsonl", text)
    with pytest.raises(DataError, match="talk.jsonl:2"):
        read_dialogues(path)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "a.jsonl",
            '{"label":"x","text":"a, b"}\n{"text":"c","label":2}',
        ),
        (
            "a.json",
            '[{"label":"x","text":"a, b"},{"text":"c","label":2}]',
        ),
        ("a.csv", 'text,label\n"a, b",x\nc,2\n'),
        ("a.csv", 'id,label,text\n7,x,"a, b"\n8,2,c\n'),
        ("a.csv", 'x,"a, b"\r\n2,c\r\n'),
        ("a.csv", '\ufefflabel,text\nx,"a, b"\n2,c\n'),
        ("a.tsv", "label\ttext\nx\ta, b\n2\tc\n"),
        ("a.txt", "x\ta, b\n\n2\tc"),
    ],
)
def test_labelled_texts_have_many_forms(
    tmp_path: Path, name: str, text: str
) -> None:
    found = read_labelled(write(tmp_path, name, text))
    assert [(d.topic, d.text) for d in found] == [
        ("x", "a, b"),
        ("2", "c"),
    ]
    assert len({d.id for d in found}) == 2


def test_quotes_in_a_table_of_tabs_are_text(tmp_path: Path) -> None:
    path = write(tmp_path, "a.tsv", 'x\tsay "hat\ny\t"hat\n')
    texts = [document.text for document in read_labelled(path)]
    assert texts == ['say "hat', '"hat']


def test_a_table_can_hold_instructions(tmp_path: Path) -> None:
    text = "instruction,output\nWhat is a hat?,A head covering.\n"
    assert said(write(tmp_path, "a.csv", text)) == [TALK]


LINES = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\r\0"),
    min_size=1,
    max_size=9,
)


@given(st.lists(st.tuples(LINES, LINES), min_size=1, max_size=4))
def test_any_text_survives_its_file(
    tmp_path_factory: pytest.TempPathFactory,
    pairs: list[tuple[str, str]],
) -> None:
    folder = tmp_path_factory.mktemp("data")
    lines = [
        json.dumps({"label": a, "text": b}, ensure_ascii=False)
        for a, b in pairs
    ]
    path = write(folder, "a.jsonl", "\n".join(lines))
    found = read_labelled(path)
    assert [(d.topic, d.text) for d in found] == pairs
    table = io.StringIO()
    csv.writer(table).writerows([("label", "text"), *pairs])
    path = write(folder, "a.csv", table.getvalue())
    found = read_labelled(path)
    assert [(d.topic, d.text) for d in found] == pairs


def test_a_field_beyond_the_limit_is_named(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("x," + "y" * 200, encoding="utf-8")
    before = csv.field_size_limit(100)
    try:
        with pytest.raises(DataError, match="a.csv:1"):
            read_labelled(file)
    finally:
        csv.field_size_limit(before)


@pytest.mark.parametrize(
    ("name", "text", "place"),
    [
        ("a.jsonl", '{"label":"x","text":"a"}\n{"text":', "a.jsonl:2"),
        ("a.jsonl", '{"label":"x"}', "a.jsonl:1"),
        ("a.jsonl", '{"label":"x","text":""}', "a.jsonl:1"),
        ("a.jsonl", '{"label":"","text":"a"}', "a.jsonl:1"),
        ("a.jsonl", "5", "a.jsonl:1"),
        ("a.json", '[{"label":"x","text":"a"}, 5]', "a.json:2"),
        ("a.json", '[{"label":', "a.json is not JSON"),
        ("a.csv", "label,text\nx,a\nx\n", "a.csv:3"),
        ("a.csv", "label,text\nx,a, b\n", "a.csv:2"),
        ("a.tsv", "x\ta\tb\n", "a.tsv:1"),
        ("a.tsv", "just words\n", "a.tsv:1"),
    ],
)
def test_what_is_malformed_is_named(
    tmp_path: Path, name: str, text: str, place: str
) -> None:
    with pytest.raises(DataError, match=place):
        read_labelled(write(tmp_path, name, text))


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv"])
@pytest.mark.parametrize("text", ["", "\n \n"])
def test_an_empty_file_is_refused(
    tmp_path: Path, name: str, text: str
) -> None:
    with pytest.raises(DataError, match=name):
        read_labelled(write(tmp_path, name, text))


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"\xff\xfe\x00")
    for name in ("a.csv", "."):
        with pytest.raises(DataError, match="cannot be read"):
            list(records(tmp_path / name))
    with pytest.raises(DataError, match="there is no file .*/b.csv"):
        list(records(tmp_path / "b.csv"))
