"""The pictures of how handwriting was read: their files, and what stands on them."""

from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image, ImageDraw

from mnist_mlp.digits.photo import Sheet, read_image
from mnist_mlp.files.atomic import StorageError
from mnist_mlp.report.figures import BLUE, GRAY, save_picture
from mnist_mlp.report.steps import draw_sheet, draw_steps, save_steps


@pytest.fixture(scope="module")
def sheet() -> Sheet:
    """Two lines: a 1 and a 7, and below them a plus sign."""
    image = Image.new("L", (300, 300), 255)
    seven, plus = [(150, 40), (200, 40), (165, 110)], ([(60, 200), (120, 200)], [(90, 170), (90, 230)])
    for line in [[(60, 40), (60, 110)], seven, *plus]:
        ImageDraw.Draw(image).line(line, fill=0, width=9, joint="curve")
    file = BytesIO()
    image.save(file, "PNG")
    return read_image(BytesIO(file.getvalue()))


def test_a_frame_and_an_answer_stand_on_each_digit(sheet: Sheet) -> None:
    axes = draw_sheet(Figure().add_subplot(), sheet, [(1, 0.9), (7, 0.8), (None, 0.1)])
    assert [text.get_text() for text in axes.texts] == ["1", "7", "?"]
    assert [line.get_color() for line in axes.lines] == [BLUE, BLUE, GRAY]  # what is no digit stands back
    for text, frame, glyph in zip(axes.texts, axes.lines, sheet.glyphs, strict=True):
        left, top, right, bottom = glyph.box
        x, y = frame.get_xdata(), frame.get_ydata()
        assert (np.min(x), np.min(y), np.max(x), np.max(y)) == (left, top, right, bottom)
        assert text.get_position() == (left, top)


def test_each_digit_has_a_row_of_its_steps_and_its_answer(sheet: Sheet) -> None:
    line = sheet.lines[0]
    axes = draw_steps(Figure().add_subplot(), line, [(1, 0.914), (None, 0.2)])
    shown = [np.asarray(image.get_array()) for image in axes.images]
    for step, place in [("cut out", 0), ("cleaned", 2), ("fitted", 4), ("centered", 6)]:
        for row, glyph in enumerate(line):
            assert (shown[place + row] == glyph.steps[step]).all()
    assert [text.get_text() for text in axes.texts][-4:] == ["1", "output 0.91", "?", "output 0.20"]


def test_the_sheet_and_a_picture_for_each_line_are_written(sheet: Sheet, tmp_path: Path) -> None:
    paths = save_steps(tmp_path, sheet, [(1, 0.9), (7, 0.8), (None, 0.1)])
    assert [path.name for path in paths] == ["sheet.png", "line-1.png", "line-2.png"]
    for path in paths:
        with Image.open(path) as image:
            assert min(image.size) > 100
    second = partial(draw_steps, glyphs=sheet.lines[1], answers=[(None, 0.1)])
    save_picture(tmp_path / "second.png", second, size=(8, 1.95))
    assert (tmp_path / "second.png").read_bytes() == paths[2].read_bytes()
    with pytest.raises(StorageError):
        save_steps(tmp_path / "none", sheet, [(1, 0.9), (7, 0.8), (None, 0.1)])
