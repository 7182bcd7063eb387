"""Pages of trained networks, and the browsers that open them."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from browser.marionette import Firefox
from mnist_mlp.digits.images import Digits, scale_pixels
from mnist_mlp.nn.network import Network
from mnist_mlp.report.page import render_page
from mnist_mlp.report.scorecard import Scorecard
from mnist_mlp.training.recipe import RECIPES, Recipe
from mnist_mlp.training.trainer import train
from scripts.benchmark.page import BROWSERS, launch

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@dataclass(frozen=True)
class Run:
    """A trained network and the file of its page."""

    network: Network
    card: Scorecard
    page: Path


@contextmanager
def opened(browser: "Browser", run: Run, **options: object) -> Iterator["Page"]:
    """The page of a run in a window of its own, ready to be used."""
    context = browser.new_context(**options)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(run.page.as_uri())
    page.wait_for_selector("html[data-ready]")
    yield page
    context.close()


@pytest.fixture(scope="package")  # playwright lets nobody else start it before it has ended
def chromium() -> Iterator["Browser"]:
    """Chromium; a test is skipped where there is none, but not where MNIST_MLP_BROWSER names one."""
    named = os.environ.get("MNIST_MLP_BROWSER")
    program = named or next(filter(None, map(shutil.which, BROWSERS)), None)
    if not program:
        pytest.skip("there is no Chromium; set MNIST_MLP_BROWSER to its path")
    api = import_module("playwright.sync_api") if named else pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        browser = launch(playwright, program)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    """Firefox, where it is installed."""
    program = shutil.which("firefox-esr") or shutil.which("firefox")
    if not program:
        pytest.skip("there is no Firefox")
    with Firefox(program, tmp_path_factory.mktemp("firefox")) as browser:
        yield browser


@pytest.fixture(scope="session")
def fast(trained: Callable[[str], Run]) -> Run:
    """A network of recipe fast, and its page."""
    return trained("fast")


@pytest.fixture(scope="session")
def trained(
    mnist_train: Digits, mnist_test: Digits, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Run]:
    """A function that trains a network by a recipe, at the first call for each."""

    @cache
    def run_of(name: str) -> Run:
        return train_and_show(RECIPES[name], mnist_train, mnist_test, tmp_path_factory)

    return run_of


def train_and_show(recipe: Recipe, digits: Digits, test: Digits, folders: pytest.TempPathFactory) -> Run:
    network = recipe.network()
    history = train(network, digits, recipe)
    facts = {"recipe": recipe.to_dict(), "seed": recipe.seed, "data": test.files}
    card = Scorecard.from_outputs(test.labels, network.forward(scale_pixels(test.images)), **facts)
    file = folders.mktemp(recipe.name) / "report.html"
    file.write_text(render_page(card=card, network=network, digits=test, history=history), "utf-8")
    return Run(network, card, file)
