import msgspec
import pytest

from hornbook.base.dialogue import Dialogue, Message, ask


def test_turns_alternate_and_the_user_begins() -> None:
    dialogue = ask("a", "b", "c", document="0f")
    roles = [message.role for message in dialogue.messages]
    assert roles == ["user", "assistant", "user"]
    assert [m.content for m in dialogue.messages] == ["a", "b", "c"]
    assert dialogue.document == "0f"


def test_dialogues_survive_json() -> None:
    dialogue = Dialogue((Message("system", "é"), Message("user", "")))
    data = msgspec.json.encode(dialogue)
    assert msgspec.json.decode(data, type=Dialogue) == dialogue


def test_a_strange_role_is_refused() -> None:
    data = b'{"messages": [{"role": "tool", "content": ""}]}'
    with pytest.raises(msgspec.ValidationError, match="tool"):
        msgspec.json.decode(data, type=Dialogue)
