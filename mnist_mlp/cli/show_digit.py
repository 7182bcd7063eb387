"""`mnist-mlp show-digit`: show a digit in the terminal, and what a network makes of it."""

from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnist_mlp.cli.options import CSV_FILE, DataDir, Json, Mirror, Model, Offline
from mnist_mlp.errors import MnistMlpError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mnist_mlp.report.text import Terminal

    Images = list[NDArray[np.uint8]]

EXAMPLES = """
  mnist-mlp show-digit 0
  mnist-mlp show-digit 0 --split train --distort --save five.png
"""


class Split(StrEnum):
    """The two sets of MNIST."""

    train = "train"
    test = "test"


def show_digit(
    index: Annotated[
        int | None, typer.Argument(metavar="INDEX", help="Which digit, counted from 0. [default: at random]")
    ] = None,
    split: Annotated[Split, typer.Option(help="Which set of MNIST.")] = Split.test,
    csv: Annotated[
        Path | None, typer.Option(metavar=CSV_FILE, help="Digits as CSV, in place of MNIST's.")
    ] = None,
    data_dir: DataDir = None,
    mirror: Mirror = None,
    offline: Offline = False,
    model: Model = None,
    distort: Annotated[bool, typer.Option("--distort", help="Show distorted versions beside it.")] = False,
    save: Annotated[Path | None, typer.Option(metavar="FILE.png", help="Write a picture as well.")] = None,
    json: Json = False,
) -> None:
    """Show a digit in the terminal, and what a network makes of it."""
    import numpy as np

    from mnist_mlp.cli.screen import Screen, load_chosen
    from mnist_mlp.cli.sources import Source
    from mnist_mlp.digits.images import scale_pixels
    from mnist_mlp.runs.folder import newest_run

    if save is not None and save.suffix.lower() != ".png":
        raise typer.BadParameter("the picture is a PNG; let its name end in .png", param_hint="--save")
    screen = Screen()
    digits = Source(data_dir, mirror, offline).read(split.value, csv, screen)
    if index is None:
        index = int(np.random.default_rng().integers(len(digits)))
    if not 0 <= index < len(digits):
        raise MnistMlpError(f"there is no digit {index:,}; choose an index from 0 to {len(digits) - 1:,}")
    image, label = digits.images[index], int(digits.labels[index])
    outputs, threshold = None, 0.0
    if model or newest_run():
        path, trained = load_chosen(model, screen)
        threshold = trained.threshold or 0.0
        outputs = trained.network.forward(scale_pixels(image[None]))[0]
        if not np.isfinite(outputs).all():
            raise MnistMlpError(f"{path}: its outputs are not finite numbers; choose another model")
    images = [image, *(_distorted(image, 14) if distort else [])]
    if json:
        facts: dict[str, Any] = {"index": index, "label": label, "pixels": image.tolist()}
        if outputs is not None:
            facts |= {"answer": int(outputs.argmax()), "sure": bool(outputs.max() >= threshold)}
            facts["outputs"] = [float(output) for output in outputs]
        screen.json(facts)
    else:
        screen.result(f"{csv or f'{split.value} digit'} {index}, label {label}")
        screen.raw(_drawn(images, label, outputs, screen.terminal))
        if outputs is not None and outputs.max() < threshold:
            screen.result(f"not sure: its largest output is below {threshold:.2f}")
    if save is not None:
        _save(save, images, label, outputs, f"digit {index}, label {label}")
        screen.note(f"written to {save}")


def _distorted(image: "NDArray[np.uint8]", count: int) -> "list[NDArray[np.uint8]]":
    """Draw distorted versions of an image (28, 28), as far distorted as the recipe `best` trains on."""
    import numpy as np

    from mnist_mlp.training.recipe import RECIPES
    from mnist_mlp.training.samples import distortion_of

    distortion, rng = distortion_of(RECIPES["best"]), np.random.default_rng()
    pixels = [distortion.apply(image.reshape(1, 784), rng) for _ in range(count)]
    return [np.rint(row).astype(np.uint8).reshape(28, 28) for row in pixels]


def _drawn(images: "Images", label: int, outputs: "NDArray[np.floating] | None", terminal: "Terminal") -> str:
    """A digit, perhaps distorted versions, and what a network makes of it, as text in 24 lines at most."""
    from mnist_mlp.report.text import digit_text, digit_with_bars, digits_text

    if len(images) > 1:
        drawn = digits_text(images, terminal)
        if outputs is None:
            return drawn
        answer, output = outputs.argmax(), outputs.max()
        wrong = "" if answer == label else f"; wrong, it is {label}"
        return f"{drawn}\nthe first, not distorted: answer {answer}, output {output:.3f}{wrong}"
    if outputs is None:
        return digit_text(images[0], terminal)
    return digit_with_bars(images[0], outputs, label, terminal)


def _save(
    path: Path, images: "Images", label: int, outputs: "NDArray[np.floating] | None", title: str
) -> None:
    from mnist_mlp.report.figures import draw_digits, draw_outputs, save_picture

    copies = len(images) - 1
    title += f", in a frame, and {copies} distorted copies" if copies else ""
    draws = [partial(draw_digits, images=images, title=title)]
    if outputs is not None:
        draws.append(partial(draw_outputs, outputs=outputs, label=label))
    save_picture(path, *draws, size=(9.0 if outputs is not None or copies else 4.8, 4.8))
