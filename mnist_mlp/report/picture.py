"""Pictures as data URLs for a page, transparent where there is nothing: they fit light and dark."""

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

BLACK, BLUE, ORANGE = (0, 0, 0), (0, 99, 165), (192, 92, 22)
_COLORS = 16  # at most, which four bits a pixel hold
_STEPS = 4  # of blue and of orange
_COLUMNS = 20


def ink_on_paper(image: NDArray[np.uint8]) -> str:
    """A digit (height, width), uint8, in black, as opaque as its ink in 16 steps, as a data URL."""
    levels = np.arange(_COLORS)
    return _shaded(np.rint(image / 17), [BLACK] * _COLORS, levels * 17)


def in_two_colors(values: NDArray[np.floating]) -> str:
    """Numbers (height, width) of -1 (orange) to 1 (blue), in four steps of each color, as a data URL."""
    levels = np.arange(-_STEPS, _STEPS + 1)
    colors = [ORANGE if level < 0 else BLUE for level in levels]
    shown = np.rint(np.clip(values, -1, 1) * _STEPS) + _STEPS
    return _shaded(shown, colors, abs(levels) * 255 // _STEPS)


def tiled(images: NDArray[np.floating]) -> NDArray[np.floating]:
    """Images (n, height, width) in one, twenty in a row as in page.js; the rest of the last row is 0."""
    n, height, width = images.shape
    whole_rows = np.pad(images, ((0, -n % _COLUMNS), (0, 0), (0, 0)))
    rows = whole_rows.reshape(-1, _COLUMNS, height, width).swapaxes(1, 2)
    return rows.reshape(-1, _COLUMNS * width)


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
