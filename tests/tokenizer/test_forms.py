import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.base.errors import DataError
from hornbook.tokenizer.forms import FORMS, Form, form_of, system_in

TURNS = st.lists(st.text(min_size=1), min_size=1, max_size=4)


def written(form: Form, turns: list[str], prompt: bool) -> str:
    """Write a dialogue in a form, without its template."""
    text = form.start
    for number, turn in enumerate(turns):
        role = ("user", "assistant")[number % 2]
        text += form.head.replace("{role}", role) + form.said(turn)
        text += form.end + form.after
    return text + form.head.replace("{role}", "assistant") * prompt


@pytest.mark.parametrize("name", FORMS)
@given(turns=TURNS, prompt=st.booleans())
def test_the_template_writes_the_same(
    name: str, turns: list[str], prompt: bool
) -> None:
    form = FORMS[name]
    template = jinja2.Template(form.template, newline_sequence="\n")
    text = template.render(
        messages=[
            {"role": ("user", "assistant")[number % 2], "content": turn}
            for number, turn in enumerate(turns)
        ],
        add_generation_prompt=prompt,
    )
    assert text == written(form, turns, prompt)


def test_the_forms_as_they_are_published() -> None:
    assert written(FORMS["hornbook"], ["Hi", "Ha"], False) == (
        "<|user|> Hi<|end|><|assistant|> Ha<|end|>"
    )
    assert written(FORMS["chatml"], ["Hi"], True) == (
        "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    )
    assert written(FORMS["llama3"], [" Hi\n"], True) == (
        "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\n"
        "Hi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
    )


def test_control_tokens_tell_the_form() -> None:
    for name, form in FORMS.items():
        assert form_of({*form.controls, "<|other|>"}) is FORMS[name]
    with pytest.raises(DataError, match=r"<\|user\|>.*<\|im_end\|>"):
        form_of({"<|im_start|>", "<|end|>"})


def test_what_the_system_says_unasked_is_written_first() -> None:
    form = form_of(FORMS["chatml"].controls, "Don't \\ guess.")
    template = jinja2.Template(form.template)
    said = [{"role": "user", "content": "Hi"}]
    text = template.render(messages=said, add_generation_prompt=False)
    first = "<|im_start|>system\nDon't \\ guess.<|im_end|>\n"
    assert text.startswith(first + "<|im_start|>user\nHi")
    own = [{"role": "system", "content": "Be kind."}, *said]
    assert template.render(messages=own).count("system") == 1
    assert "Be kind." in template.render(messages=own)


def test_plain_words_of_a_template_are_found() -> None:
    for newline in ("\n", "\\n"):
        words = f"'<|im_start|>system{newline}Be kind.<|im_end|>'"
        assert system_in(words) == "Be kind."
    computed = "{{ '<|im_start|>system\\n' + x + '<|im_end|>' }}"
    for other in (computed, "", None, 3, ["a"]):
        assert system_in(other) == ""
