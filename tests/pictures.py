"""What is drawn on an `Axes`."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.text import Text


def texts(found: Iterable[Text]) -> list[str]:
    return [text.get_text() for text in found if text.get_text()]


def points(lines: Iterable[Line2D]) -> list[Any]:
    """The x and y of each point of each line."""
    return [np.round(np.asarray(line.get_xydata()), 4).tolist() for line in lines]
