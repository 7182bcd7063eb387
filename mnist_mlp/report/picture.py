"""Small pictures as data URLs for a page, transparent where there is nothing: they fit light and dark."""

import base64
import io

import numpy as np
from numpy.typing import NDArray

BLUE, ORANGE = (0, 99, 165), (192, 92, 22)
_STEPS = 5  # of each color; with nothing in the middle 11, which four bits a pixel hold


def ink_on_paper(image: NDArray[np.uint8]) -> str:
    """A digit (height, width), uint8, in black, as opaque as its ink: a PNG file as a data URL."""
    from PIL import Image  # noqa: PLC0415 - only pages with pictures need it

    opacity = np.stack([np.zeros_like(image), image], axis=-1)
    return _data_url(Image.fromarray(opacity))


def in_two_colors(values: NDArray[np.floating]) -> str:
    """Numbers (height, width) of -1 (orange) to 1 (blue), in 11 steps: a PNG file as a data URL."""
    from PIL import Image  # noqa: PLC0415

    steps = np.clip(np.rint(values * _STEPS), -_STEPS, _STEPS) + _STEPS
    picture = Image.fromarray(steps.astype(np.uint8)).convert("P")
    colors = [ORANGE] * _STEPS + [BLUE] * (_STEPS + 1)
    picture.putpalette([part for color in colors for part in color])
    opacities = bytes(round(255 * abs(step) / _STEPS) for step in range(-_STEPS, _STEPS + 1))
    return _data_url(picture, bits=4, transparency=opacities)


def tiled(images: NDArray[np.floating], columns: int = 20) -> NDArray[np.floating]:
    """Images (n, height, width) side by side, row by row, in one; what is left of the last row is 0."""
    n, height, width = images.shape
    rows = -(-n // columns)
    room = np.zeros((rows * columns, height, width), images.dtype)
    room[:n] = images
    return room.reshape(rows, columns, height, width).swapaxes(1, 2).reshape(rows * height, columns * width)


def _data_url(picture: "Image.Image", **options: object) -> str:  # type: ignore[name-defined] # noqa: F821
    file = io.BytesIO()
    picture.save(file, "PNG", **options)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
