import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.corpus.privacy import (
    KINDS,
    PrivacyConfig,
    entropy,
    find_private,
    mask,
)

EVERY = tuple(KINDS)
HERE = Path(__file__).parent
OWN, BLIND = "privacy_own.jsonl", "privacy_blind.jsonl"


def cases(name: str) -> list[dict[str, Any]]:
    """Read texts and the places that were marked in them."""
    lines = (HERE / name).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize("name", [OWN, BLIND])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_marked_is_found_and_nothing_else(
    name: str, kind: str
) -> None:
    both = marked = claimed = 0
    for case in cases(name):
        here = {tuple(s) for s in case["spans"] if s[0] == kind}
        spans = find_private(case["text"], EVERY)
        found = {tuple(span) for span in spans if span.kind == kind}
        both += len(here & found)
        marked += len(here)
        claimed += len(found)
    assert both / claimed >= 0.99
    assert both / marked >= 0.99


@pytest.mark.parametrize("name", [OWN, BLIND])
def test_cases_are_many_of_many_languages_and_half_are_clean(
    name: str,
) -> None:
    every = cases(name)
    clean = sum(not case["spans"] for case in every)
    assert len(every) >= 160
    assert 0.4 <= clean / len(every) <= 0.6
    assert len({case["language"] for case in every}) >= 5


def test_a_mask_tells_what_stood_there() -> None:
    text = "Ada (ada@hat.org, +44 20 7946 0018) paid from 203.0.113.7."
    masked, counts = mask(text, EVERY)
    assert masked == "Ada (<email>, <phone>) paid from <ip>."
    assert counts == {"email": 1, "phone": 1, "ip": 1}
    assert mask(text, ("ip",))[1] == {"ip": 1}
    assert mask(text, ()) == (text, {})


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("(+44 20 7946 0018)", "+44 20 7946 0018"),
        ("He said (call 212-555-0147)", "212-555-0147"),
        ("((069) 90009 312)", "(069) 90009 312"),
        ("+49 (0)171 5550123.", "+49 (0)171 5550123"),
    ],
)
def test_brackets_around_a_number_stay(text: str, found: str) -> None:
    (span,) = find_private(text, ("phone",))
    assert text[span.start : span.stop] == found


def test_two_kinds_never_claim_one_place() -> None:
    text = "ssh://ada:s3cr3t77@hat.org and ada:pw@10.0.0.7:22"
    spans = find_private(text, EVERY)
    assert Counter(span.kind for span in spans)["secret"] == 1
    for one, other in zip(spans, spans[1:], strict=False):
        assert one.stop <= other.start


@pytest.mark.parametrize(
    "text",
    [
        "GB82 WEST 1234 5698 7654 33",
        "4111 1111 1111 1112",
        "999.10.10.10",
        "10:30:45",
        "password = password",
        "ada@",
        "XX00 1234 5678 9012 3456",
    ],
)
def test_what_fails_its_check_stays(text: str) -> None:
    assert find_private(text, EVERY) == []


MARKS = st.sampled_from("a1@=:.-+0 A/_(x\n\"é帽{<٣E")


@given(st.text(MARKS, max_size=80))
def test_masks_fit_any_text(text: str) -> None:
    masked, counts = mask(text, EVERY)
    spans = find_private(text, EVERY)
    assert sum(counts.values()) == len(spans)
    kept = len(text) - sum(span.stop - span.start for span in spans)
    assert len(masked) == kept + sum(len(s.kind) + 2 for s in spans)


@pytest.mark.parametrize("kind", KINDS)
def test_no_text_takes_long(kind: str) -> None:
    for part in (*"a1@:=.-+ 帽", "0 1", "a.", "://a:"):
        text = part * (1_000_000 // len(part))
        start = time.process_time()
        find_private(text, (kind,))
        assert time.process_time() - start < 1, part


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="'kinds' names 'hat'"):
        PrivacyConfig(kinds=("hat",))


def test_entropy_is_that_of_the_characters() -> None:
    assert entropy("abcd") == 2
    assert entropy("aaaa") == 0
