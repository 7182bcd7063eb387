"""Counts what networks read of drawn sheets, and what each step from a photo to 28 x 28 is worth.

    python -m scripts.handwriting.evaluate RUN/model.safetensors... [--final] [--count 300] [--steps]

Sheets for tuning are written with the last 10,000 training digits; with --final other seeds, the test digits.
"""

import argparse
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from io import BytesIO
from itertools import islice
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
from mnist_mlp.nn.network import Network
from scripts.handwriting import sheets

Reader = Callable[[bytes, Network], str]


def draw(kind: str, count: int, seed: int, digits: Digits) -> Iterator[sheets.Drawn]:
    """Sheets of a kind, in turns written by strokes of our own and with MNIST digits."""
    rng = np.random.default_rng([seed, len(kind)])
    hands = sheets.stroke_hand, sheets.mnist_hand(digits.images, digits.labels)
    for i in range(count):
        hand = hands[i % 2]
        if kind == "canvas":
            yield sheets.on_canvas(rng, hand)
        elif kind == "canvas row":
            yield sheets.on_canvas(rng, hand, int(rng.integers(3, 9)))
        else:
            lines = {"photo": 1, "photo of a row": 1, "photo of a page": int(rng.integers(2, 6))}[kind]
            counts = [1] if kind == "photo" else [int(rng.integers(3, 9)) for _ in range(lines)]
            yield sheets.photo(rng, hand, counts)


def read(file: bytes, network: Network, *, split: bool = True) -> str:
    """What a network reads of a picture, line by line."""

    def score(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.asarray(network.forward(scale_pixels(images)).max(axis=1))

    sheet = photo.read_image(BytesIO(file), score if split else None)
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


def figures(drawn: list[sheets.Drawn], network: Network, reader: Reader = read) -> str:
    """The percentage of sheets that are read without an error, and of wrong characters."""
    texts = [(reader(sheet.file, network), "\n".join(sheet.lines)) for sheet in drawn]
    wrong = sum(errors(text, truth) for text, truth in texts)
    right = sum(text == truth for text, truth in texts) / len(texts)
    return f"{100 * right:5.1f} {100 * wrong / sum(len(truth) for _, truth in texts):5.1f}"


def show_failures(drawn: list[sheets.Drawn], network: Network) -> Image.Image:
    """The first twelve sheets that are misread, each above what was read for what."""
    picture = Image.new("RGB", (1000, 600), "white")
    texts = ((sheet, read(sheet.file, network), "\n".join(sheet.lines)) for sheet in drawn)
    wrong = ((sheet, text, truth) for sheet, text, truth in texts if text != truth)
    for place, (sheet, text, truth) in enumerate(islice(wrong, 12)):
        small = Image.open(BytesIO(sheet.file)).convert("RGB")
        small.thumbnail((235, 165))
        at = place % 4 * 250 + 8, place // 4 * 200 + 8
        picture.paste(small, at)
        line = f"{text or 'nothing'} for {truth}".replace("\n", " / ")
        ImageDraw.Draw(picture).text((at[0], at[1] + 168), line, fill="black", font_size=14)
    return picture.quantize(64)


def box_center(fitted: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A fitted digit with the middle of its box in the middle, in place of its center of mass."""
    image = np.zeros((28, 28), np.uint8)
    top, left = (28 - fitted.shape[0]) // 2, (28 - fitted.shape[1]) // 2
    image[top : top + fitted.shape[0], left : left + fitted.shape[1]] = fitted
    return image


LEFT_OUT: dict[str, list[Any]] = {
    "nothing": [],
    "polarity": [patch.object(ink, "is_light_on_dark", lambda _gray: False)],
    "background": [patch.object(ink, "paper_of", lambda gray: np.full_like(gray, np.median(gray)))],
    "box of 20 x 20": [patch.object(glyph, "FITTED", 28)],
    "center of mass": [patch.object(glyph, "center", box_center)],
    "stroke width": [patch.object(glyph, "even_strokes", lambda ink, _bounds: np.pad(ink, 2))],
    "rules": [patch.object(photo, "without_rules", lambda ink: ink)],
    "grouping": [patch.object(photo, "join_parts", lambda boxes, _tall: np.arange(len(boxes) + 1))],
}


def on_sheets(digits: Digits, count: int) -> list[sheets.Drawn]:
    """MNIST digits, as they are but enlarged, each placed on a white sheet."""
    rng = np.random.default_rng(5)
    drawn = []
    for image, label in zip(digits.images[:count], digits.labels[:count], strict=True):
        side = int(rng.integers(56, 300))
        large = np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC))
        pads = [(int(rng.integers(side)), int(rng.integers(side))) for _ in range(2)]
        file = BytesIO()
        Image.fromarray(255 - np.pad(large, pads)).save(file, "PNG", compress_level=1)
        drawn.append(sheets.Drawn(file.getvalue(), [str(label)]))
    return drawn


def refused(network: Network, held_out: Digits, test: Digits) -> str:
    """The share of non-digits below the threshold that leaves 1 percent of held-out digits unanswered."""

    def largest(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.asarray(network.forward(scale_pixels(images)).max(axis=1))

    threshold = np.quantile(largest(held_out.images), 0.01)
    kinds = {}
    for kind in HELD_OUT:
        images = draw_nondigits(2000, test.images, test.labels, np.random.default_rng(99), (kind,))
        kinds[kind] = 100 * float((largest(images) < threshold).mean())
    parts = ", ".join(f"{kind} {share:.0f}" for kind, share in kinds.items())
    return f"threshold {threshold:.3f}, refused {np.mean(list(kinds.values())):.1f} ({parts})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--final", action="store_true")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--steps", action="store_true", help="what each step is worth, with the last model")
    parser.add_argument("--mnist", type=int, default=0, help="test digits to put on sheets")
    parser.add_argument("--failures", type=Path, help="a PNG file of rows and photos the last model misreads")
    parser.add_argument("--data-dir", default="data")
    options = parser.parse_args()
    test, held_out = load_mnist(options.data_dir, "test"), load_mnist(options.data_dir)[50_000:]
    digits, seed = (test, 2000) if options.final else (held_out, 1000)
    networks = {str(path.parent.name): Network.load(path) for path in options.models}
    print("percent of sheets right, percent of characters wrong")
    kinds = ("canvas", "photo", "canvas row", "photo of a row", "photo of a page")
    drawn = {kind: list(draw(kind, options.count // (1 + 2 * (" " in kind)), seed, digits)) for kind in kinds}
    last = list(networks.values())[-1]
    for name, network in networks.items():
        for kind in kinds:
            print(f"{name:12} {kind:16} {len(drawn[kind]):4} {figures(drawn[kind], network)}", flush=True)
        print(f"{name:12} {refused(network, held_out, test)}", flush=True)
    for kind in ("canvas", "photo") if options.steps else ():
        print(f"shrunk alone     {kind:16} {figures(drawn[kind], last, read_shrunk)}", flush=True)
    for name, patches in LEFT_OUT.items() if options.steps else ():
        with ExitStack() as stack:
            for change in patches:
                stack.enter_context(change)
            shown = " | ".join(f"{kind} {figures(drawn[kind], last)}" for kind in (*kinds[:2], kinds[3]))
        print(f"without {name:16} {shown}", flush=True)
    if options.failures:
        show_failures([*drawn["photo"], *drawn["photo of a row"]], last).save(options.failures)
    some, few = test[: options.mnist], on_sheets(test, options.mnist)
    for name, network in networks.items() if few else ():
        as_is = float((network.predict(scale_pixels(some.images)) == some.labels).mean())
        print(f"{name:12} MNIST test digits as they are {100 * as_is:.2f}, on sheets {figures(few, network)}")


if __name__ == "__main__":
    main()
