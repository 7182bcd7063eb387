"""`mnist-mlp evaluate`: the scorecard of a trained network on any digits."""

import json
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from commands import ROOT, call
from folders import files

from mnist_mlp.digits.mnist import read_csv
from mnist_mlp.nn.network import Network
from mnist_mlp.report.curves import draw_robustness
from mnist_mlp.report.figures import save_picture
from mnist_mlp.report.markdown import scorecard_page
from mnist_mlp.report.page import render_page
from mnist_mlp.report.scorecard import Scorecard
from mnist_mlp.runs.folder import load_model
from mnist_mlp.training.recipe import EXPLANATIONS

pytestmark = pytest.mark.usefixtures("alone")
MODEL = "model.safetensors"


def test_it_gives_the_scorecard_of_the_run(run: Path, test_csv: Path) -> None:
    of_run = json.loads((run / "scorecard.json").read_text())
    shown = call("evaluate", run, "--test-csv", test_csv, "--out", "scored")
    first, second, third = shown.out.splitlines()[:3]
    assert first == f"model {run / 'model.safetensors'}"
    assert second == f"digits {test_csv}"
    assert third.startswith(f"accuracy {100 * of_run['accuracy']:.2f} % ")
    assert shown.err == "\nwritten to scored\n"
    digest = of_run.pop("data")[test_csv.name]
    del of_run["seconds"]
    pictures = {"confusion_matrix.png", "mistakes.png"}
    assert files(Path("scored")) == {"scorecard.json", "scorecard.md", "report.html", *pictures}
    for card in (
        json.loads(call("evaluate", run / "model.safetensors", "--test-csv", test_csv, "--json").out),
        json.loads(Path("scored", "scorecard.json").read_text()),
    ):
        assert card.pop("data") == {test_csv.name: digest}
        seconds = card.pop("seconds")
        assert (seconds.keys(), min(seconds.values()) > 0) == ({"load", "score"}, True)
        assert card == of_run


def test_robustness_is_told_in_text_json_and_pictures(run: Path, test_csv: Path) -> None:
    evaluate = ["evaluate", run, "--test-csv", test_csv, "--robustness"]
    shown = call(*evaluate, "--out", "scored")
    assert shown.code == 0
    card = json.loads(Path("scored", "scorecard.json").read_text())
    draw = partial(draw_robustness, robustness=card["robustness"], unchanged=card["accuracy"])
    save_picture(Path("expected.png"), draw, size=(7.2, 8.0))
    assert Path("scored", "robustness.png").read_bytes() == Path("expected.png").read_bytes()
    told = shown.out.split("accuracy in percent on changed digits, by the amount of the change\n")[1]
    for row in card["robustness"]:
        assert f" {row['amount']:g}: {100 * row['accuracy']:.1f}" in told
    assert max(map(len, shown.out.splitlines()[2:])) <= 80
    known, model = Scorecard.from_json(Path("scored", "scorecard.json").read_text()), load_model(run / MODEL)
    pictures = ["confusion_matrix.png", "mistakes.png", "robustness.png"]
    markdown = scorecard_page(known, pictures=pictures, explanations=EXPLANATIONS)
    assert Path("scored", "scorecard.md").read_text("utf-8") == markdown
    digits, threshold = read_csv(test_csv), model.threshold
    page = render_page(card=known, network=model.network, digits=digits, threshold=threshold, name="scored")
    is_same = Path("scored", "report.html").read_text("utf-8") == page
    assert is_same  # without a difference of megabytes where it is not
    again = call(*evaluate, "--json", terminal=True)
    assert json.loads(again.out)["robustness"] == card["robustness"]
    assert "changed sets of digits" in again.err  # the progress
    assert "45/45" in again.err
    # Without it, what an earlier one wrote about it does not stay beside the new scores.
    assert "changed sets" not in call(*evaluate[:-1], "--out", "scored", terminal=True).err
    assert "robustness" not in json.loads(Path("scored", "scorecard.json").read_text())
    assert not Path("scored", "robustness.png").exists()


def test_mnist_is_read_from_a_folder(run: Path) -> None:
    shown = call("evaluate", run, "--data-dir", ROOT / "data")
    assert "\ndigits t10k-images-idx3-ubyte.gz, t10k-labels-idx1-ubyte.gz\n" in shown.out
    supports = [line.split()[-1] for line in shown.out.splitlines()[5:8]]
    assert supports[1:] == ["980", "1,135"]  # zeros and ones, as everyone knows them


def test_it_replaces_only_what_it_wrote_before(run: Path, test_csv: Path) -> None:
    shutil.copytree(run, "run")
    shutil.copytree(run, "seed-3", ignore=shutil.ignore_patterns("run.json"))  # as repeats have it
    Path("begun").mkdir()
    Path("begun", "run.json").touch()
    Path("other").mkdir()
    Path("other", "notes.txt").touch()
    others = (("seed-3", "other files"), ("other", "other files"))
    for folder, what in (("run", "a run"), ("begun", "a run"), *others):
        line = call("evaluate", "none", "--out", folder).line  # told before the model is looked for
        assert line == f"{folder}: holds {what}; choose an empty folder, or an earlier evaluate's"
    assert files(Path("run")) == files(run)
    Path("scored").mkdir()
    Path("scored", "scorecard.md").write_text("old")
    assert call("evaluate", "run", "--test-csv", test_csv, "--out", "scored").code == 0
    assert Path("scored", "scorecard.md").read_text().startswith("# Scorecard")


def test_what_is_no_model_is_named(run: Path, test_csv: Path) -> None:
    Path("cut.safetensors").write_bytes((run / "model.safetensors").read_bytes()[:-4])
    Path("pickle.safetensors").write_bytes(b"\x80\x04cos\nsystem\n(S'touch owned'\ntR." * 100)
    Network([3, 4, 2], rng=1).save("other.safetensors")
    Path("run.json").write_text('{"recipe": {}}')
    shutil.copy(test_csv, "MY.CSV")
    before = files()
    for place, part in {
        **dict.fromkeys(["cut.safetensors", "pickle.safetensors", "none.safetensors"], ""),
        "other.safetensors": "a 3-4-2 network; digits need 784 inputs and 10 outputs",
        "MY.CSV": "is not a model; digits of your own go with --test-csv, or --csv for show-digit",
        "run.json": "is not a model; name a run's folder, or the model.safetensors in it",
    }.items():
        assert call("evaluate", place, "--test-csv", test_csv).line.startswith(f"{place}: {part}")
        assert call("show-digit", 0, "--csv", test_csv, "--model", place).line.startswith(f"{place}: {part}")
    assert files() == before


def test_outputs_that_are_not_finite_are_named(test_csv: Path) -> None:
    weights = [np.full((4, 784), 3e38, np.float32), np.full((10, 4), -3e38, np.float32)]
    Network.from_arrays(weights, None, ["relu", "softmax"]).save("huge.safetensors")
    assert "outputs are not finite" in call("evaluate", "huge.safetensors", "--test-csv", test_csv).line
    shown = call("show-digit", 0, "--csv", test_csv, "--model", "huge.safetensors")
    assert shown.line == "huge.safetensors: its outputs are not finite numbers; choose another model"
