"""`mnist-mlp predict`: read handwritten digits from pictures."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnist_mlp.cli.exits import fail
from mnist_mlp.cli.options import CSV_FILE, Json, complete_run

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mnist_mlp.cli.screen import Screen
    from mnist_mlp.digits.photo import Sheet

    Found = list[tuple[str, Sheet, NDArray[np.floating[Any]]]]

EXAMPLES = """
  mnist-mlp predict photo.jpg
  mnist-mlp predict page.png --steps steps --csv mine.csv --labels 31415
"""

_SHOWN = 3  # digits of a picture that are also shown one by one


def predict(
    images: Annotated[
        list[str], typer.Argument(metavar="IMAGE...", help="Pictures; - reads one from standard input.")
    ],
    model: Annotated[
        Path | None,
        typer.Option(
            metavar="MODEL-OR-RUN",
            autocompletion=complete_run,
            help="The network that reads. [default: the newest run under ./runs]",
        ),
    ] = None,
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
    """Read handwritten digits from pictures: a digit, a row or a page each. ? is no digit."""
    from mnist_mlp.cli.screen import Screen, model_file
    from mnist_mlp.digits.photo import read_image
    from mnist_mlp.runs.folder import load_model
    from mnist_mlp.training.scoring import outputs_for

    if labels is not None and (csv is None or not labels.isdecimal()):
        raise typer.BadParameter("digits, which go with --csv", param_hint="--labels")
    screen = Screen()
    trained = load_model(model_file(model, screen))
    threshold = trained.threshold or 0.0

    def answer(pictures: "NDArray[np.uint8]") -> "NDArray[np.floating[Any]]":
        return outputs_for(trained.network, pictures)

    found = []
    for image in images:
        source = sys.stdin.buffer if image == "-" else image
        sheet = read_image(source, lambda pictures: answer(pictures).max(axis=1))
        found.append((image, sheet, answer(sheet.images)))
    if csv is not None:
        _write_csv(csv, labels, found, screen)
    if steps is not None:
        _write_steps(steps, found, threshold, screen)
    if json:
        screen.json([_facts(image, sheet, outputs, threshold) for image, sheet, outputs in found])
        return
    for image, sheet, outputs in found:
        if len(images) > 1:
            screen.result(f"{image}:")
        _show(sheet, outputs, threshold, screen)


def _answers(outputs: "NDArray[np.floating[Any]]", threshold: float) -> list[int | None]:
    return [int(row.argmax()) if row.max() >= threshold else None for row in outputs]


def _lines(sheet: "Sheet", answers: list[int | None]) -> list[str]:
    """A text for each line of writing."""
    texts = iter("?" if answer is None else str(answer) for answer in answers)
    return ["".join(next(texts) for _ in line) for line in sheet.lines]


def _show(sheet: "Sheet", outputs: "NDArray[np.floating[Any]]", threshold: float, screen: "Screen") -> None:
    from mnist_mlp.report.text import digit_with_bars

    if not sheet.lines:
        screen.result("nothing to read")
        return
    for text in _lines(sheet, _answers(outputs, threshold)):
        screen.result(text)
    if len(outputs) <= _SHOWN:
        for image, row in zip(sheet.images, outputs, strict=True):
            screen.result("")
            screen.raw(digit_with_bars(image, row, None, screen.terminal))
            if row.max() < threshold:
                screen.result(f"no digit: its largest output is below {threshold:.2f}")


def _facts(
    image: str, sheet: "Sheet", outputs: "NDArray[np.floating[Any]]", threshold: float
) -> dict[str, Any]:
    answers = _answers(outputs, threshold)
    digits = iter(
        {
            "digit": answer,
            "output": float(row.max()),
            "outputs": [float(output) for output in row],
            "box": list(glyph.box),
        }
        for answer, row, glyph in zip(answers, outputs, sheet.glyphs, strict=True)
    )
    return {
        "image": image,
        "lines": _lines(sheet, answers),
        "digits": [[next(digits) for _ in line] for line in sheet.lines],
    }


def _write_csv(path: Path, labels: str | None, found: "Found", screen: "Screen") -> None:
    """Write all digits of all pictures, with the labels given, or else with the network's answers."""
    import numpy as np

    from mnist_mlp.digits.images import Digits
    from mnist_mlp.digits.mnist import write_csv

    images = np.concatenate([sheet.images for _, sheet, _ in found])
    if labels is None:
        numbers = np.concatenate([outputs.argmax(axis=1) for _, _, outputs in found]).astype(np.uint8)
    else:
        if len(labels) != len(images):
            fail(f"--labels names {len(labels):,} digits, but {len(images):,} were found; look at --steps", 1)
        numbers = np.array([int(label) for label in labels], np.uint8)
    write_csv(Digits(images, numbers), path)
    what = "the labels given" if labels else "the network's answers as labels; correct them"
    screen.note(f"{path}: {len(images):,} digits, with {what}")


def _write_steps(folder: Path, found: "Found", threshold: float, screen: "Screen") -> None:
    """Write the pictures of each sheet; of several, each into a folder of its own."""
    from mnist_mlp.report.steps import save_steps
    from mnist_mlp.runs.folder import make_folder

    for number, (image, sheet, outputs) in enumerate(found, start=1):
        place = folder if len(found) == 1 else folder / f"{number}-{Path(image).stem}"
        make_folder(place)
        answers = list(zip(_answers(outputs, threshold), outputs.max(axis=1).tolist(), strict=True))
        for path in save_steps(place, sheet, answers):
            screen.note(f"written to {path}")
