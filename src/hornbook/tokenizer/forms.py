"""The forms in which dialogues are written, told by control tokens."""

import re
from collections.abc import Collection

import msgspec
from msgspec.structs import replace

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
    system: str = ""
    """What the system says where a dialogue does not begin with it."""

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
            "UNSAID": self.unsaid if self.system else "",
            "HEAD": quoted(self.head).replace("{role}", by_role),
            "SAID": f"{gap}message['content']{trim}",
            "CLOSE": quoted(self.end + self.after),
            "ANSWER": quoted(self.head.replace("{role}", "assistant")),
        }
        return re.sub(
            "|".join(words), lambda found: words[found[0]], TEMPLATE
        )

    @property
    def unsaid(self) -> str:
        """The part of the template that speaks for the system."""
        head = self.head.replace("{role}", "system")
        said = head + self.said(self.system) + self.end + self.after
        return (
            "\n{%- if messages[0]['role'] != 'system' -%}\n"
            f"    {{{{- {quoted(said)} -}}}}\n"
            "{%- endif -%}"
        )


def quoted(text: str) -> str:
    """Write a text between the quotation marks of Jinja."""
    for plain, written in QUOTED.items():
        text = text.replace(plain, written)
    return f"'{text}'"


QUOTED = {"\\": "\\\\", "'": "\\'", "\n": "\\n"}

TEMPLATE = """\
{{- START -}}UNSAID
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


def form_of(specials: Collection[str], system: str = "") -> Form:
    """Give the form of dialogues that these control tokens mean.

    ``system`` is what the system says unless a dialogue says it.

    Raises:
        DataError: they mean none.
    """
    for form in FORMS.values():
        if all(name in specials for name in form.controls):
            return replace(form, system=system) if system else form
    raise DataError(
        "this tokenizer has no form for dialogues: it would need the "
        "special tokens "
        + ", or ".join(
            " and ".join(form.controls) for form in FORMS.values()
        )
    )


def system_in(template: object) -> str:
    r"""Find what a published template lets the system say unasked.

    A template is a program, and is not run: of all that it may do, the
    plain text of ChatML's first message is recognised alone.

    >>> system_in("{{ '<|im_start|>system\nBe kind.<|im_end|>' }}")
    'Be kind.'
    """
    found = UNASKED.search(str(template)[:MOST_TEMPLATE])
    return found[1] if found else ""


MOST_TEMPLATE = 1 << 16
UNASKED = re.compile(
    r"<\|im_start\|>system(?:\n|\\n)([^<>{}'\"\\]+)<\|im_end\|>"
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
