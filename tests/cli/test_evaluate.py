"""`mnist-mlp evaluate`: the scorecard of a trained network on any digits."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from commands import ROOT, call
from folders import files

from mnist_mlp.nn.network import Network

pytestmark = pytest.mark.usefixtures("alone")


def test_it_gives_the_scorecard_of_the_run(run: Path, test_csv: Path) -> None:
    of_run = json.loads((run / "scorecard.json").read_text())
    shown = call("evaluate", run, "--test-csv", test_csv, "--out", "scored")
    first, second, third = shown.out.splitlines()[:3]
    assert first == f"model {run / 'model.safetensors'}"
    assert second == f"digits {test_csv}"
    assert third.startswith(f"accuracy {100 * of_run['accuracy']:.2f} % ")
    assert shown.err == "\nwritten to scored\n"
    pictures = {"confusion_matrix.png", "mistakes.png"}
    assert files(Path("scored")) == {"scorecard.json", "scorecard.md", "report.html", *pictures}
    for card in (
        json.loads(call("evaluate", run / "model.safetensors", "--test-csv", test_csv, "--json").out),
        json.loads(Path("scored", "scorecard.json").read_text()),
    ):
        assert list(card.pop("data")) == [test_csv.name]
        assert card.pop("seconds").keys() == {"load", "score"}
        assert card.items() <= of_run.items()


def test_robustness_is_told_in_text_json_and_pictures(run: Path, test_csv: Path) -> None:
    evaluate = ["evaluate", run, "--test-csv", test_csv, "--robustness"]
    shown = call(*evaluate, "--out", "scored")
    assert shown.code == 0
    card = json.loads(Path("scored", "scorecard.json").read_text())
    rotated = [row for row in card["robustness"] if row["change"] == "rotated"]
    assert [(row["amount"], row["unit"]) for row in rotated] == [(5 * i, "degrees") for i in range(1, 7)]
    told = "  ".join(f"{row['amount']}: {100 * row['accuracy']:.1f}" for row in rotated)
    assert f"rotated, degrees {told}".split() == shown.out[shown.out.index("rotated,") :].split()[:14]
    assert max(map(len, shown.out.splitlines()[2:])) <= 80
    answers = card["answers"]
    share = 100 * answers["answered_right"] / answers["answered"]
    assert f"\nnot sure of {answers['left_open']} digits; of the others {share:.2f} % right; " in shown.out
    assert Path("scored", "robustness.png").stat().st_size > 10_000
    assert "![robustness](robustness.png)" in Path("scored", "scorecard.md").read_text()
    assert "What it withstands" in Path("scored", "report.html").read_text("utf-8")
    again = json.loads(call(*evaluate, "--json").out)
    assert again["robustness"] == card["robustness"]
    # Without it, what an earlier one wrote about it does not stay beside the new scores.
    assert call(*evaluate[:-1], "--out", "scored").code == 0
    assert "robustness" not in json.loads(Path("scored", "scorecard.json").read_text())
    assert not Path("scored", "robustness.png").exists()


def test_progress_counts_the_changes_on_a_terminal(run: Path, test_csv: Path) -> None:
    shown = call("evaluate", run, "--test-csv", test_csv, "--robustness", terminal=True)
    assert "changed sets of digits" in shown.err
    assert "45/45" in shown.err
    assert "changed sets" not in call("evaluate", run, "--test-csv", test_csv, terminal=True).err


def test_mnist_is_read_from_a_folder(run: Path) -> None:
    shown = call("evaluate", run, "--data-dir", ROOT / "data")
    assert "\ndigits t10k-images-idx3-ubyte.gz, t10k-labels-idx1-ubyte.gz\n" in shown.out
    supports = [line.split()[-1] for line in shown.out.splitlines()[5:8]]
    assert supports[1:] == ["980", "1,135"]  # zeros and ones, as everyone knows them


def test_it_replaces_only_what_it_wrote_before(run: Path, test_csv: Path) -> None:
    shutil.copytree(run, "run")
    Path("begun").mkdir()
    Path("begun", "run.json").touch()
    for folder in ("run", "begun"):
        line = call("evaluate", run, "--test-csv", test_csv, "--out", folder).line
        assert line == f"{folder}: holds a run; choose an empty folder, or an earlier evaluate's"
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
    before = files()
    for place, part in {
        **dict.fromkeys(["cut.safetensors", "pickle.safetensors", "none.safetensors"], ""),
        "other.safetensors": "a 3-4-2 network; digits need 784 inputs and 10 outputs",
        str(test_csv): "is not a model; digits of your own go with --test-csv, or --csv for show-digit",
        "run.json": "is not a model; name a run's folder, or the model.safetensors in it",
    }.items():
        assert call("evaluate", place, "--test-csv", test_csv).line.startswith(f"{place}: {part}")
        assert call("show-digit", 0, "--csv", test_csv, "--model", place).line.startswith(f"{place}: {part}")
    assert files() == before


def test_outputs_that_are_not_finite_are_named(test_csv: Path) -> None:
    weights = [np.full((4, 784), 3e38, np.float32), np.full((10, 4), -3e38, np.float32)]
    Network.from_arrays(weights, None, ["relu", "softmax"]).save("huge.safetensors")
    for command in (["evaluate", "huge.safetensors", "--test-csv"], ["show-digit", 0, "--csv"]):
        model = [] if command[0] == "evaluate" else ["--model", "huge.safetensors"]
        assert "outputs are not finite" in call(*command, test_csv, *model).line
