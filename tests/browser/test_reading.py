"""The page as something to read: on every width, light and dark, by keyboard, without JavaScript."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from browser.conftest import Run, opened
from browser.marionette import Firefox
from mnist_mlp.digits.images import Digits
from mnist_mlp.nn.network import Network
from mnist_mlp.report.page import render_page
from mnist_mlp.report.scorecard import Scorecard

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser


def use_everything(page: "Page") -> None:
    page.click("#hard")
    page.click("#labels button")
    page.locator(".confusion button").nth(5).click()
    page.locator("#unit-cover").click(position={"x": 20, "y": 20})
    page.locator("#threshold").fill("0.99")
    page.locator("[name=turn]").fill("40")
    page.click("#all-mistakes")


@pytest.mark.parametrize("width", [320, 360, 768, 1440])
def test_it_fits_asks_for_nothing_and_complains_of_nothing(
    chromium: "Browser", fast: Run, width: int
) -> None:
    page = chromium.new_page(viewport={"width": width, "height": 800})
    messages: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(fast.page.as_uri())
    page.wait_for_selector("html[data-ready]")
    use_everything(page)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert messages == []
    assert [url for url in requests if not url.startswith("data:")] == [fast.page.as_uri()]
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_axe_finds_nothing_that_keeps_people_out(
    chromium: "Browser", fast: Run, scheme: str, width: int
) -> None:
    """With MNIST_MLP_AXE, the path of axe.min.js from the npm package axe-core."""
    script = os.environ.get("MNIST_MLP_AXE")
    if not script:
        pytest.skip("MNIST_MLP_AXE does not name an axe.min.js")
    window = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
    with opened(chromium, fast, **window, bypass_csp=True) as page:  # so that axe may be run
        use_everything(page)
        page.evaluate(Path(script).read_text("utf-8"))
        result = page.evaluate("axe.run()")
    assert result["violations"] == []
    assert len(result["passes"]) > 20


def test_without_javascript_all_but_drawing_is_there(chromium: "Browser", fast: Run) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(fast.page.as_uri())
    text = page.inner_text("body")
    for heading in (
        "What it takes for what",
        "Its mistakes",
        "What it imagines",
        "How it learned",
        "Settings",
    ):
        assert heading in text
    assert f"{fast.card.correct:,} right" in text
    assert "Drawing needs JavaScript" in text
    assert page.locator("#mistakes img").count() == 24
    assert not page.locator("#paper").is_visible()
    context.close()


def test_the_arrow_keys_walk_through_the_confusion_matrix(chromium: "Browser", fast: Run) -> None:
    row = fast.card.confusion[4]
    following = next(digit for digit in range(5, 10) if row[digit])
    with opened(chromium, fast) as page:
        page.locator("td[data-label='4'][data-answer='4'] button").focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        pressed = page.locator(".confusion button[aria-pressed=true]")
        assert pressed.get_attribute("aria-label") == f"4 read as {following}: {row[following]}"


def test_hostile_names_and_settings_do_nothing(
    chromium: "Browser", few_test_digits: Digits, tmp_path: Path
) -> None:
    bad = "</script><img src=x onerror=alert(1)>"
    network = Network([784, 20, 10], rng=1)
    outputs = np.eye(10)[few_test_digits.labels]
    facts = {"recipe": {"name": bad, bad: bad}, "data": {f"{bad}.csv": bad}, "versions": {bad: bad}}
    card = Scorecard.from_outputs(few_test_digits.labels, outputs, **facts)
    file = tmp_path / "report.html"
    file.write_text(render_page(card=card, network=network, digits=few_test_digits, name=bad), "utf-8")
    page = chromium.new_page()
    happened: list[str] = []
    page.on("dialog", lambda dialog: happened.append(dialog.message))
    page.on("console", lambda message: happened.append(message.text))
    page.goto(file.as_uri())
    page.wait_for_selector("html[data-ready]")
    assert page.locator("img[src=x]").count() == 0
    assert f"{bad}.csv" in page.inner_text("#settings")
    assert happened == []
    page.close()


def test_firefox_shows_and_answers_a_mistake(firefox: Firefox, fast: Run) -> None:
    firefox.open(fast.page)
    script = """
        while (!document.documentElement.dataset.ready) await new Promise((go) => setTimeout(go, 20));
        document.querySelector("#mistake-tiles button").click();
        return document.querySelector("#answer .digit").textContent;
    """
    surest = max(fast.card.mistakes, key=lambda mistake: mistake.output)
    assert firefox.run(script, None) == str(surest.predicted)
