"""Pictures as data URLs for a page, transparent where there is nothing: they fit light and dark."""

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

BLACK, BLUE, ORANGE = (0, 0, 0), (0, 99, 165), (192, 92, 22)
_COLORS = 16  # at most, which four bits a pixel hold


def ink_on_paper(image: NDArray[np.uint8]) -> str:
    """A digit (height, width), uint8, in black, as opaque as its ink in 16 steps, as a data URL."""
    levels = np.arange(_COLORS)
    return _shaded(np.rint(image / 17), [BLACK] * _COLORS, levels * 17)


def in_two_colors(values: NDArray[np.floating], steps: int = 4) -> str:
    """Numbers (height, width) of -1 (orange) to 1 (blue), in steps of each color, as a data URL."""
    levels = np.arange(-steps, steps + 1)
    colors = [ORANGE if level < 0 else BLUE for level in levels]
    return _shaded(
        np.clip(np.rint(values * steps), -steps, steps) + steps, colors, abs(levels) * 255 // steps
    )


def tiled(images: NDArray[np.floating], columns: int = 20) -> NDArray[np.floating]:
    """Images (n, height, width) side by side, row by row, in one; what is left of the last row is 0."""
    n, height, width = images.shape
    rows = -(-n // columns)
    room = np.zeros((rows * columns, height, width), images.dtype)
    room[:n] = images
    return room.reshape(rows, columns, height, width).swapaxes(1, 2).reshape(rows * height, columns * width)


def _shaded(
    levels: NDArray[np.floating], colors: Sequence[tuple[int, int, int]], opacities: NDArray[np.integer[Any]]
) -> str:
    """A picture of levels (height, width), each with its color and its opacity, 0 to 255."""
    from PIL import Image  # noqa: PLC0415 - only pages with pictures need it

    picture = Image.fromarray(levels.astype(np.uint8)).convert("P")
    picture.putpalette([part for color in colors for part in color])
    file = io.BytesIO()
    picture.save(file, "PNG", bits=4, transparency=opacities.astype(np.uint8).tobytes())
    return data_url(file.getvalue(), "png")


def data_url(picture: bytes, kind: str) -> str:
    """A picture of a kind, such as png or svg+xml, as a data URL."""
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode('ascii')}"
