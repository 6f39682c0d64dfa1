"""The page, in the browser that reads it."""

import re
import shutil
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from inference.server_fixture import Served, serving

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
PHONE = {"width": 360, "height": 740}
ABOUT = "**/hornbook/model"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="needs Chromium"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        chromium = play.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"]
        )
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving() as server:
        yield server


@pytest.fixture
def page(browser: Any, served: Served) -> Iterator[Any]:
    """A new page that has loaded, and must not complain."""
    context = browser.new_context()
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on(
        "request",
        lambda request: request.url.startswith(served.url)
        or faults.append(request.url),
    )
    page.goto(served.url)
    yield page
    context.close()
    assert not faults


def wait(found: Any) -> Any:
    """Expect something of a part of the page, before long."""
    from playwright.sync_api import expect

    expect.set_options(timeout=60_000)
    return expect(found)


def ask(page: Any, question: str = "What is a hat?") -> None:
    """Type a question, send it, and wait for the answer's end."""
    page.locator("#question").fill(question)
    page.keyboard.press("Enter")
    wait(page.locator(".again")).to_have_count(1)


def answers(page: Any) -> list[str]:
    texts: list[str] = page.locator(".answer .text").all_text_contents()
    return texts


def test_a_question_is_answered_and_tried_again(page: Any) -> None:
    page.locator("#temperature").fill("0.7")
    ask(page)
    first = answers(page)
    assert len(first) == 1 and first[0]
    wait(page.locator("#status")).to_contain_text("The answer")
    page.locator(".again").click()
    wait(page.locator(".again")).to_have_count(1)
    second = answers(page)
    assert len(second) == 1 and second != first
    ask(page, "A hat?")
    assert len(answers(page)) == 2
    page.locator("#new").click()
    assert not answers(page)


def test_a_cold_model_says_the_same_again(page: Any) -> None:
    page.locator("#temperature").fill("0")
    wait(page.locator("output[for=temperature]")).to_have_text("0")
    ask(page)
    first = answers(page)
    page.locator(".again").click()
    wait(page.locator(".again")).to_have_count(1)
    assert answers(page) == first


def test_an_answer_is_not_indented(page: Any) -> None:
    script = """async () => {
        const {Tokens} = await import("/answer.js");
        const box = document.createElement("p");
        const tokens = new Tokens(box);
        for (const bytes of [[32, 65], [32, 66]])
            tokens.add({bytes, logprob: 0, top_logprobs: []});
        return box.textContent;
    }"""
    assert page.evaluate(script) == "A B"


def test_tokens_tell_their_chances_to_mouse_and_keys(
    page: Any,
) -> None:
    page.locator("#temperature").fill("0")
    ask(page)
    tip, tokens = page.locator("#tip"), page.locator(".token")
    assert tokens.count() > 3
    tokens.nth(2).hover()
    wait(tip).to_be_visible()
    shares = tip.locator(".bar span").all_text_contents()
    assert len(shares) >= 5
    assert all(re.fullmatch(r"(< )?[\d.]+%", s) for s in shares)
    assert tip.locator(".drawn").count() == 1

    # Walk by keys, and leave by Escape
    page.mouse.move(1, 1)
    tokens.first.focus()
    page.keyboard.press("ArrowRight")
    wait(tokens.nth(1)).to_be_focused()
    wait(tip).to_be_visible()
    page.keyboard.press("End")
    wait(tokens.last).to_be_focused()
    page.keyboard.press("Escape")
    wait(tip).to_be_hidden()


def test_attention_is_drawn_for_the_chosen_head(page: Any) -> None:
    page.locator("#temperature").fill("0")
    ask(page, "What is a head covering?")
    page.locator(".look").click()
    note = page.locator(".map .note")
    wait(note).to_contain_text("takes most from")
    assert page.locator(".map select").count() == 2
    page.locator(".seen").focus()
    before = note.text_content()
    page.keyboard.press("ArrowRight")
    wait(note).not_to_have_text(before)
    before = note.text_content()
    page.locator(".map select").first.select_option(label="2")
    page.locator(".map select").last.select_option(label="2")
    wait(note).not_to_have_text(before)
    wide, high = page.locator("canvas").evaluate(
        "map => [map.width, map.height]"
    )
    assert wide > 0 and high > 0
    page.locator(".look").click()
    wait(page.locator(".map")).to_have_count(0)


def test_shift_and_enter_begin_a_line(page: Any) -> None:
    page.locator("#question").fill("What")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("is a hat?")
    assert page.locator("#question").input_value() == "What\nis a hat?"
    assert not answers(page)


def test_escape_stops_an_answer(page: Any, served: Served) -> None:
    stopped = threading.Event()
    held = served.engine.ask(lambda: stopped.wait(60))
    page.locator("#question").fill("What is a hat?")
    page.keyboard.press("Enter")
    wait(page.locator("#send")).to_have_text("Stop")
    page.keyboard.press("Escape")
    wait(page.locator(".answer .note")).to_have_text("Stopped.")
    wait(page.locator("#send")).to_have_text("Ask")
    stopped.set()
    held.result(60)
    ask(page)
    assert len(answers(page)) == 1 and answers(page)[0]


def test_text_is_never_markup(page: Any) -> None:
    evil = "<img src=x onerror=document.title='gone'><b>hat</b>"
    ask(page, evil)
    assert page.locator(".question p").text_content() == evil
    assert page.locator("#dialogue img, #dialogue b").count() == 0
    assert page.title() == "Talking to small"


def test_a_long_dialogue_forgets_its_beginning(page: Any) -> None:
    for _ in range(4):
        ask(page, "What is a hat? A hat is a head covering.")
    notes = page.locator(".answer .note").all_text_contents()
    assert any("no longer fit" in note for note in notes)
    assert not page.locator(".trouble").count()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_and_follows_the_colour_scheme(
    browser: Any, served: Served, scheme: str
) -> None:
    context = browser.new_context(viewport=PHONE, color_scheme=scheme)
    page = context.new_page()
    page.goto(served.url)
    page.locator("#temperature").fill("0")
    ask(page)
    page.locator(".look").click()
    wait(page.locator(".map .note")).not_to_be_empty()
    root = page.locator("html")
    assert root.evaluate("page => page.scrollWidth") == PHONE["width"]
    paper = page.locator("body").evaluate(
        "body => getComputedStyle(body).backgroundColor"
    )
    shade = sum(map(int, re.findall(r"\d+", paper)))
    assert (shade > 600) == (scheme == "light")
    context.close()


def test_a_question_waits_for_the_models_name(
    page: Any, served: Served
) -> None:
    held: list[Any] = []
    page.route(ABOUT, lambda route: held.append(route))
    page.goto(served.url)
    page.locator("#temperature").fill("0")
    page.locator("#question").fill("What is a hat?")
    page.keyboard.press("Enter")
    wait(page.locator("#send")).to_have_text("Stop")
    page.wait_for_timeout(1000)
    assert answers(page) == [""] and not page.locator(".again").count()

    # Let it through, and the answer comes with all that belongs to it
    held.pop().continue_()
    wait(page.locator(".again")).to_have_count(1)
    assert answers(page)[0] and not page.locator(".trouble").count()
    assert page.locator(".answer .who").text_content() == "small"
    page.locator(".look").click()
    wait(page.locator(".map .note")).to_contain_text("takes most from")
    assert page.locator(".map option").count() == 4


def test_without_the_name_it_says_so_and_tries_again(
    page: Any, served: Served
) -> None:
    page.route(ABOUT, lambda route: route.abort())
    page.goto(served.url)
    ask(page)
    wait(page.locator(".answer .trouble")).not_to_be_empty()
    page.unroute(ABOUT)
    page.locator(".again").click()
    wait(page.locator("#name")).to_have_text("small")
    wait(page.locator(".look")).to_have_count(1)
    assert answers(page)[0] and not page.locator(".trouble").count()


def test_waiting_for_the_name_can_be_stopped(
    page: Any, served: Served
) -> None:
    held: list[Any] = []
    page.route(ABOUT, lambda route: held.append(route))
    page.goto(served.url)
    page.locator("#question").fill("What is a hat?")
    page.keyboard.press("Enter")
    wait(page.locator("#send")).to_have_text("Stop")
    page.keyboard.press("Escape")
    wait(page.locator(".answer .note")).to_have_text("Stopped.")
    held.pop().continue_()
    wait(page.locator("#name")).to_have_text("small")
    ask(page)
    assert len(answers(page)) == 1 and answers(page)[0]


def test_the_page_asks_for_the_key(browser: Any) -> None:
    with serving(key="sesame") as locked:
        context = browser.new_context()
        page = context.new_page()
        page.goto(locked.url)
        wait(page.locator("#ask-key")).to_be_visible()
        page.locator("#key").fill("sesame")
        page.keyboard.press("Enter")
        ask(page)
        assert answers(page)[0]
        context.close()
