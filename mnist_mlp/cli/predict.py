"""`mnist-mlp predict`: read handwritten digits from pictures."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from mnist_mlp.cli.options import CSV_FILE, Json, Model
from mnist_mlp.cli.usage import is_there
from mnist_mlp.errors import MnistMlpError, quoted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mnist_mlp.cli.screen import Screen
    from mnist_mlp.digits.photo import Sheet

EXAMPLES = """
  mnist-mlp predict photo.jpg
  mnist-mlp predict page.png --steps steps --csv mine.csv --labels 31415
"""

_SHOWN = 3  # digits of a picture that are also shown one by one


class _Reading(NamedTuple):
    """What was read from one picture: its digits, and for each the outputs and the answer, if it is sure."""

    image: str
    sheet: "Sheet"
    outputs: "NDArray[np.floating[Any]]"
    answers: list[int | None]

    @property
    def lines(self) -> list[str]:
        """A text for each line of writing."""
        texts = iter("?" if answer is None else str(answer) for answer in self.answers)
        return ["".join(next(texts) for _ in line) for line in self.sheet.lines]


def predict(
    images: Annotated[
        list[str], typer.Argument(metavar="IMAGE...", help="Pictures; - reads one from standard input.")
    ],
    model: Model = None,
    steps: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write how each digit was found, as pictures.")
    ] = None,
    csv: Annotated[
        Path | None, typer.Option(metavar=CSV_FILE, help="Write the digits in MNIST's CSV form.")
    ] = None,
    labels: Annotated[
        str | None, typer.Option(metavar="DIGITS", help="What the digits are, in order; goes with --csv.")
    ] = None,
    json: Json = False,
) -> None:
    """Read handwritten digits from pictures.

    A picture shows a digit, a row of them or a page. What is no digit is read as ?.
    """
    from mnist_mlp.cli.screen import Screen, load_chosen
    from mnist_mlp.digits.photo import read_image
    from mnist_mlp.training.scoring import outputs_for

    if labels is not None and csv is None:
        raise typer.BadParameter("--labels goes with --csv; name the file that they are written to")
    if labels is not None and not labels.isdecimal():
        raise typer.BadParameter(f"--labels must be digits, as 31415, not {labels!r:.50}")
    _check_names(images, csv, steps)
    screen = Screen()
    _, trained = load_chosen(model, screen)
    threshold = trained.threshold or 0.0
    readings = []
    for image in images:
        source = sys.stdin.buffer if image == "-" else image
        sheet = read_image(source, lambda pictures: outputs_for(trained.network, pictures).max(axis=1))
        outputs = outputs_for(trained.network, sheet.images)
        answers = [int(row.argmax()) if row.max() >= threshold else None for row in outputs]
        readings.append(_Reading(image, sheet, outputs, answers))
    if csv is not None:
        _write_csv(csv, labels, readings, screen)
    if steps is not None:
        _write_steps(steps, readings, screen)
    if json:
        screen.json([_facts(reading) for reading in readings])
        return
    for reading in readings:
        if len(images) > 1:
            screen.result(f"{reading.image}:")
        _show(reading, threshold, screen)


def _check_names(images: list[str], csv: Path | None, steps: Path | None) -> None:
    """Check that pictures are no runs or parts of a name, and that nothing is replaced."""
    from mnist_mlp.runs.folder import SCORECARD

    if is_there(" ".join(images)) and not is_there(images[0]):
        raise MnistMlpError(f'{images[0]}: put the name in quotes: "{" ".join(images)}"')
    for image in images:
        if is_there(f"{image}/{SCORECARD}"):
            raise MnistMlpError(f"{image}: is a run; name it with --model {quoted(image)}")
    if csv is not None and csv.exists():
        raise MnistMlpError(f"{csv}: is there already; choose another name, or delete it")
    if steps is not None and next(steps.rglob("sheet.png"), None):
        raise MnistMlpError(
            f"{steps}: holds the steps of another picture; choose another folder, or delete it"
        )


def _show(reading: _Reading, threshold: float, screen: "Screen") -> None:
    from mnist_mlp.report.text import digit_with_bars

    for text in reading.lines or ["nothing to read"]:
        screen.result(text)
    if len(reading.answers) <= _SHOWN:
        for image, row in zip(reading.sheet.images, reading.outputs, strict=True):
            screen.result("")
            screen.raw(digit_with_bars(image, row, None, screen.terminal))
            if row.max() < threshold:
                screen.result(f"no digit: its largest output is below {threshold:.2f}")


def _facts(reading: _Reading) -> dict[str, Any]:
    digits = iter(
        {
            "digit": answer,
            "output": float(row.max()),
            "outputs": [float(output) for output in row],
            "box": list(glyph.box),
        }
        for answer, row, glyph in zip(reading.answers, reading.outputs, reading.sheet.glyphs, strict=True)
    )
    return {
        "image": reading.image,
        "lines": reading.lines,
        "digits": [[next(digits) for _ in line] for line in reading.sheet.lines],
    }


def _write_csv(path: Path, labels: str | None, readings: list[_Reading], screen: "Screen") -> None:
    """Write all digits of all pictures, with the labels given, or else with the network's answers."""
    import numpy as np

    from mnist_mlp.digits.images import Digits
    from mnist_mlp.digits.mnist import write_csv

    images = np.concatenate([reading.sheet.images for reading in readings])
    answers = np.concatenate([reading.outputs.argmax(axis=1) for reading in readings])
    if labels and len(labels) != len(images):
        raise MnistMlpError(
            f"--labels names {len(labels):,} digits, but {len(images):,} were found; look at --steps"
        )
    write_csv(Digits(images, np.array([int(label) for label in labels or answers], np.uint8)), path)
    what = "the labels given" if labels else "the network's answers as labels; correct them"
    screen.note(f"{path}: {len(images):,} digits, with {what}")


def _write_steps(folder: Path, readings: list[_Reading], screen: "Screen") -> None:
    """Write the pictures of each sheet; of several, each into a folder of its own."""
    from mnist_mlp.report.steps import save_steps
    from mnist_mlp.runs.folder import make_folder

    for number, reading in enumerate(readings, start=1):
        place = folder if len(readings) == 1 else folder / f"{number}-{Path(reading.image).stem}"
        make_folder(place)
        answers = list(zip(reading.answers, reading.outputs.max(axis=1).tolist(), strict=True))
        for path in save_steps(place, reading.sheet, answers):
            screen.note(f"written to {path}")
