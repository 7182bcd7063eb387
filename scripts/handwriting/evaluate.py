"""Prints the tables of docs/handwriting.md: what networks read, and what each step to 28 x 28 is worth.

    python -m scripts.handwriting.evaluate MODEL-OR-RUN... [--count 120] [--failures FILE.png] [--tuning]

Steps are left out for the last network named. Sheets are written with the test digits; with --tuning, for use
while the steps are changed, with other random seeds and the last 2,000 training digits.
"""

import argparse
import sys
from collections.abc import Callable
from functools import partial
from io import BytesIO
from itertools import zip_longest
from math import ceil
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from mnist_mlp.digits import glyph, ink, photo
from mnist_mlp.digits.images import Digits, scale_pixels
from mnist_mlp.digits.mnist import load_mnist
from mnist_mlp.digits.nondigits import HELD_OUT, draw_nondigits
from mnist_mlp.errors import MnistMlpError
from mnist_mlp.nn.network import Network
from mnist_mlp.runs.folder import find_model, load_model
from scripts.handwriting.sheets import Drawn, mnist_hand, on_canvas, photo_of, stroke_hand

Sheets = dict[str, list[Drawn]]
Reader = Callable[[bytes, Network], str]


def draw_sheets(count: int, seed: int, digits: Digits) -> Sheets:
    """Sheets of all kinds, half of them written with strokes of our own and half with MNIST digits."""
    rng = np.random.default_rng(seed)
    hands = stroke_hand, mnist_hand(digits.images, digits.labels)
    thin = partial(stroke_hand, pens=(0.01, 0.03))

    def row() -> int:
        return int(rng.integers(3, 9))

    def page() -> list[int]:
        return [row() for _ in range(rng.integers(2, 6))]

    few = count // 3
    return {
        "a digit on a canvas": [on_canvas(rng, hands[i % 2]) for i in range(count)],
        "a digit on a canvas, thin pen": [on_canvas(rng, thin) for _ in range(count)],
        "a digit in a photo": [photo_of(rng, hands[i % 2], [1]) for i in range(count)],
        "a row on a canvas": [on_canvas(rng, hands[i % 2], row()) for i in range(few)],
        "a row of 3 to 8 in a photo": [photo_of(rng, hands[i % 2], [row()]) for i in range(few)],
        "a page of 2 to 5 lines in a photo": [photo_of(rng, hands[i % 2], page()) for i in range(few)],
    }


def largest(network: Network, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The largest output for each image."""
    return np.asarray(network.forward(scale_pixels(images)).max(axis=1))


def read(file: bytes, network: Network) -> str:
    """What a network reads of a picture, line by line."""
    sheet = photo.read_image(BytesIO(file), partial(largest, network))
    answers = iter(network.predict(scale_pixels(sheet.images)).tolist() if sheet.lines else [])
    return "\n".join("".join(str(next(answers)) for _ in line) for line in sheet.lines)


def read_shrunk(file: bytes, network: Network) -> str:
    """What a network reads where the whole picture is inverted and shrunk to 28 x 28, and no more."""
    image = Image.open(BytesIO(file)).convert("L").resize((28, 28), Image.Resampling.BOX)
    return str(network.predict(scale_pixels(255 - np.asarray(image)[None]))[0])


def errors(text: str, truth: str) -> int:
    """The edit distance of two texts."""
    row = list(range(len(truth) + 1))
    for i, a in enumerate(text, 1):
        above, row[0] = row[0], i
        for j, b in enumerate(truth, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (a != b))
    return row[-1]


def figures(drawn: list[Drawn], network: Network, reader: Reader = read) -> str:
    """Percent of sheets read without an error and, in parentheses, of characters that are wrong."""
    texts = [(reader(sheet.file, network), sheet.text) for sheet in drawn]
    right = 100 * sum(text == truth for text, truth in texts) / len(texts)
    wrong = 100 * sum(errors(*pair) for pair in texts) / sum(len(truth) for _, truth in texts)
    return f"{right:.1f}" + (f" ({wrong:.1f})" if any(len(sheet.text) > 1 for sheet in drawn) else "")


def box_center(fitted: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A fitted digit with the middle of its box in the middle, in place of its center of mass."""
    image = np.zeros((28, 28), np.uint8)
    top, left = (28 - fitted.shape[0]) // 2, (28 - fitted.shape[1]) // 2
    image[top : top + fitted.shape[0], left : left + fitted.shape[1]] = fitted
    return image


LEFT_OUT: dict[str, tuple[Any, str, Any]] = {
    "nothing": (photo, "Sheet", photo.Sheet),
    "polarity": (ink, "is_light_on_dark", lambda _gray: False),
    "background": (ink, "paper_of", lambda gray: np.full_like(gray, np.median(gray))),
    "rules": (photo, "without_rules", lambda ink: ink),
    "grouping": (photo, "join_parts", lambda boxes, _tall: np.arange(len(boxes) + 1)),
    "parting of digits that touch": (photo, "halves_of", lambda *_: []),
    "stroke width": (glyph, "thicken", lambda ink: np.pad(ink, 2)),
    "box of 20 x 20": (glyph, "FITTED", 28),
    "center of mass": (glyph, "center", box_center),
}


def on_sheets(digits: Digits) -> list[Drawn]:
    """MNIST digits, as they are but enlarged, each placed on a white sheet."""
    rng = np.random.default_rng(5)
    drawn = []
    for image, label in zip(digits.images, digits.labels, strict=True):
        side = int(rng.integers(56, 300))
        large = np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC))
        pads = rng.integers(side, size=(2, 2))
        file = BytesIO()
        Image.fromarray(255 - np.pad(large, pads)).save(file, "PNG", compress_level=1)
        drawn.append(Drawn(file.getvalue(), str(label)))
    return drawn


def refused(network: Network, threshold: float, kind: str, digits: Digits) -> str:
    """Percent of 2,000 non-digits of a kind whose largest output is below a threshold."""
    images = draw_nondigits(2000, digits.images, digits.labels, np.random.default_rng(99), (kind,))
    return f"{100 * (largest(network, images) < threshold).mean():.1f}"


def show_failures(drawn: list[Drawn], network: Network) -> Image.Image:
    """The first twelve sheets that are misread, each above what was read for what."""
    picture = Image.new("RGB", (1000, 600), "white")
    place = 0
    for sheet in drawn:
        pairs = zip_longest(read(sheet.file, network).split("\n"), sheet.text.split("\n"), fillvalue="")
        wrong = [f"{text or 'nothing'} for {truth or 'nothing'}" for text, truth in pairs if text != truth]
        if wrong and place < 12:
            small = Image.open(BytesIO(sheet.file)).convert("RGB")
            small.thumbnail((235, 160))
            left, top = place % 4 * 250 + 8, place // 4 * 200 + 8
            picture.paste(small, (left, top))
            text = "\n".join(wrong[:2])
            ImageDraw.Draw(picture).text((left, top + 162), text, fill="black", font_size=12)
            place += 1
    return picture.crop((0, 0, 1000, 200 * ceil(place / 4))).quantize(64)


def print_table(columns: list[str], rows: dict[str, list[str]]) -> None:
    print(f"\n| {' | '.join(columns)} |\n|---|{'--:|' * (len(columns) - 1)}")
    for name, cells in rows.items():
        print(f"| {' | '.join([name, *cells])} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument(
        "--count", type=int, default=120, help="sheets of one digit; a third of rows and pages"
    )
    parser.add_argument("--failures", type=Path, help="a PNG file of sheets that the last network misreads")
    parser.add_argument("--tuning", action="store_true", help="other sheets, without test digits")
    parser.add_argument("--data-dir", default="data")
    options = parser.parse_args()
    split, seed = ("train", 1000) if options.tuning else ("test", 2000)
    digits = load_mnist(options.data_dir, split)[-2000:]
    sheets = draw_sheets(options.count, seed, digits)
    trained = {path.name: load_model(find_model(path)) for path in options.models}
    networks = [model.network for model in trained.values()]
    table = {kind: [figures(drawn, network) for network in networks] for kind, drawn in sheets.items()}
    for kind in HELD_OUT:
        table[f"{kind}, refused"] = [
            refused(model.network, model.threshold or 0.0, kind, digits) for model in trained.values()
        ]
    table["MNIST digits as they are"] = [
        f"{100 * (network.predict(scale_pixels(digits.images)) == digits.labels).mean():.1f}"
        for network in networks
    ]
    table["MNIST digits on sheets"] = [figures(on_sheets(digits), network) for network in networks]
    print_table(["sheets, percent right (characters wrong)", *trained], table)
    table = {}
    for name, (module, attribute, replacement) in LEFT_OUT.items():
        with patch.object(module, attribute, replacement):
            table[name] = [figures(drawn, networks[-1]) for drawn in sheets.values()]
    table["all: only shrunk to 28 x 28"] = [
        figures(drawn, networks[-1], read_shrunk) if len(drawn[0].text) == 1 else "-"
        for drawn in sheets.values()
    ]
    print_table(["left out", *sheets], table)
    if options.failures:
        show_failures([sheet for drawn in sheets.values() for sheet in drawn], networks[-1]).save(
            options.failures
        )


if __name__ == "__main__":
    try:
        main()
    except MnistMlpError as error:
        sys.exit(f"{error}")
