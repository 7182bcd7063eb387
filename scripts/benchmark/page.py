"""The page of a run: how large it is, how soon it is written, and how soon it answers in a browser."""

import os
import shutil
from functools import partial
from typing import TYPE_CHECKING

from mnist_mlp.report.page import render_page
from mnist_mlp.runs.score import score
from mnist_mlp.training.trainer import train
from scripts.benchmark.measure import Setup, in_turn, seconds
from scripts.benchmark.rivals import installed
from scripts.benchmark.table import Figure, Result, spread

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright

BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
# One digit answered 200 times, and drawn anew 200 times with all that changes on the page: milliseconds each.
_ANSWERS = """async () => {
    const { network } = unpackNetwork(facts.layers, await unpacked(facts.payload));
    const slider = find("#breaking input"), times = [];
    find("#hard").click();
    for (const work of [() => forward(network, new Uint8Array(784).fill(99)),
                        () => slider.dispatchEvent(new Event("input"))]) {
        const start = performance.now();
        for (let i = 0; i < 200; i++) work();
        times.push((performance.now() - start) / 200);
    }
    return times;
}"""


def launch(playwright: "Playwright", program: str) -> "Browser":
    """Start an installed Chromium."""
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []  # which Chromium asks for from root
    return playwright.chromium.launch(executable_path=program, args=arguments)


def page(setup: Setup) -> list[Result]:
    """The page of a network of recipe `tutorial`; in a browser if playwright and Chromium are there."""
    recipe = setup.recipe("tutorial").with_settings({"epochs": 1})
    network = recipe.network()
    history = train(network, setup.train, recipe)
    card = score(network, setup.test, seconds={}, facts={"recipe": recipe.to_dict()})
    render = partial(render_page, card=card, network=network, digits=setup.test, history=history)
    content, file = render(), setup.folder / "report.html"
    file.write_text(content, encoding="utf-8")
    writing = in_turn({"": lambda: seconds(render)}, setup.rounds)[""]
    figures: list[Result] = [
        Figure("the page: size", f"{len(content.encode()) / 1000:.0f} kB"),
        Figure("the page: writing it", f"{spread(writing)} s"),
    ]
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not (program and installed("playwright")):
        return figures
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - an extra

    ready, answers = [], []
    with sync_playwright() as playwright:
        browser = launch(playwright, program)
        for _ in range(setup.rounds):
            tab = browser.new_page()
            tab.goto(file.as_uri())
            tab.wait_for_selector("html[data-ready]")
            ready.append(float(tab.get_attribute("html", "data-ready") or "nan"))
            answers.append(tab.evaluate(_ANSWERS))
        browser.close()
    predictions, redraws = zip(*answers, strict=True)
    return [
        *figures,
        Figure("the page: ready in Chromium", f"{spread(ready)} ms"),
        Figure("the page: a prediction", f"{spread(predictions)} ms"),
        Figure("the page: a prediction with all that it changes on the page", f"{spread(redraws)} ms"),
    ]
