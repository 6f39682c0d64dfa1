"""The forms in which dialogues are written, told by control tokens."""

import re
from collections.abc import Collection

import msgspec

from hornbook.base.errors import DataError


class Form(msgspec.Struct, frozen=True):
    """How one message follows the other: once here, once as Jinja.

    In ``head`` and ``prompt``, ``{role}`` stands for who speaks. Names
    of control tokens become control tokens; all else is text.
    """

    controls: tuple[str, ...]
    """The special tokens by which a tokenizer is known to use it."""
    end: str
    """The special token that closes a message."""
    head: str
    """What opens a message, down to what it says."""
    gap: str = ""
    """What the speaker puts before the first word."""
    after: str = ""
    """What stands between a message's end and the next message."""
    start: str = ""
    """What stands before the first message."""
    trimmed: bool = False
    """Whether white space around a message is taken off."""

    def said(self, content: str) -> str:
        """Give a message as it is written, without head and end."""
        return self.gap + (content.strip() if self.trimmed else content)

    @property
    def template(self) -> str:
        """The form for programs that read it as Jinja."""
        by_role = "' + message['role'] + '"
        trim = " | trim" if self.trimmed else ""
        gap = f"{quoted(self.gap)} + " if self.gap else ""
        words = {
            "START": quoted(self.start),
            "HEAD": quoted(self.head.replace("{role}", by_role)),
            "SAID": f"{gap}message['content']{trim}",
            "CLOSE": quoted(self.end + self.after),
            "ANSWER": quoted(self.head.replace("{role}", "assistant")),
        }
        return re.sub(
            "|".join(words), lambda found: words[found[0]], TEMPLATE
        )


def quoted(text: str) -> str:
    """Write a text between the quotation marks of Jinja."""
    return "'" + text.replace("\n", "\\n") + "'"


TEMPLATE = """\
{{- START -}}
{%- for message in messages -%}
    {%- if message['role'] not in ['system', 'user', 'assistant'] -%}
        {{- raise_exception('unknown role: ' + message['role']) -}}
    {%- endif -%}
    {{- HEAD -}}
    {{- SAID + CLOSE -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{- ANSWER -}}
{%- endif -%}
"""


def form_of(specials: Collection[str]) -> Form:
    """Give the form of dialogues that these control tokens mean.

    Raises:
        DataError: they mean none.
    """
    for form in FORMS.values():
        if all(name in specials for name in form.controls):
            return form
    raise DataError(
        "this tokenizer has no form for dialogues: it would need the "
        "special tokens "
        + ", or ".join(
            " and ".join(form.controls) for form in FORMS.values()
        )
    )


FORMS = {
    "hornbook": Form(
        controls=("<|user|>", "<|assistant|>", "<|system|>", "<|end|>"),
        end="<|end|>",
        head="<|{role}|>",
        gap=" ",
    ),
    "chatml": Form(
        controls=("<|im_start|>", "<|im_end|>"),
        end="<|im_end|>",
        head="<|im_start|>{role}\n",
        after="\n",
    ),
    "llama3": Form(
        controls=(
            "<|begin_of_text|>",
            "<|start_header_id|>",
            "<|end_header_id|>",
            "<|eot_id|>",
        ),
        end="<|eot_id|>",
        head="<|start_header_id|>{role}<|end_header_id|>\n\n",
        start="<|begin_of_text|>",
        trimmed=True,
    ),
}
"""The forms by name; a tokenizer uses the first that it can write."""
