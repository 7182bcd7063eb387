"""The pictures of how handwriting was read: their files, and what stands on them."""

import itertools
from dataclasses import replace
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from PIL import Image, ImageDraw

from mnist_mlp.digits.photo import Sheet, read_image
from mnist_mlp.files.atomic import StorageError
from mnist_mlp.report.figures import BLUE, GRAY, INK, save_picture
from mnist_mlp.report.steps import draw_sheet, draw_steps, save_steps


@pytest.fixture(scope="module")
def sheet() -> Sheet:
    """Three lines: a 1 and a 7, below them a plus sign, and a 1 again."""
    image = Image.new("L", (300, 400), 255)
    seven, plus = [(150, 40), (200, 40), (165, 110)], ([(60, 200), (120, 200)], [(90, 170), (90, 230)])
    for line in [[(60, 40), (60, 110)], seven, *plus, [(60, 290), (60, 360)]]:
        ImageDraw.Draw(image).line(line, fill=0, width=9, joint="curve")
    file = BytesIO()
    image.save(file, "PNG")
    return read_image(BytesIO(file.getvalue()))


def test_a_frame_and_an_answer_stand_on_each_digit(sheet: Sheet) -> None:
    axes = draw_sheet(Figure().add_subplot(), sheet, [(1, 0.9), (7, 0.8), (None, 0.1), (0, 0.7)])
    picture: Any = axes.images[0]
    assert (np.asarray(picture.get_array()) == sheet.picture).all()
    assert (picture.get_extent(), picture.get_clim(), axes.axison) == ([0, 300, 400, 0], (0, 255), False)
    larger = draw_sheet(Figure().add_subplot(), replace(sheet, size=(600, 800)), [(1, 0.9)] * 4)
    assert list(larger.images[0].get_extent()) == [0, 600, 800, 0]  # as the boxes
    colors = [BLUE, BLUE, GRAY, BLUE]  # what is no digit stands back
    for text, frame, glyph, color in zip(axes.texts, axes.lines, sheet.glyphs, colors, strict=True):
        left, top, right, bottom = glyph.box
        corners = [[left, top], [right, top], [right, bottom], [left, bottom], [left, top]]
        assert (np.asarray(frame.get_xydata()).tolist(), frame.get_color()) == (corners, color)
        assert (text.get_position(), text.get_color()) == ((left, top), "white")
        assert (text.get_horizontalalignment(), text.get_verticalalignment()) == ("left", "bottom")
        label = text.get_bbox_patch()
        assert label is not None
        assert to_hex(label.get_facecolor()) == color
    assert [text.get_text() for text in axes.texts] == ["1", "7", "?", "0"]


def test_each_digit_has_a_row_of_its_steps_and_its_answer(sheet: Sheet) -> None:
    line = sheet.lines[0]
    axes = draw_steps(Figure().add_subplot(), line, [(1, 0.914), (None, 0.2)])
    crosses = [line for line in axes.lines if line.get_marker() == "+"]
    frames = [line for line in axes.lines if line.get_linestyle() == ":"]
    parts = zip(axes.images, axes.patches, itertools.product(range(4), range(2)), strict=True)
    for picture, square, (column, row) in parts:
        x, y = 1.25 * column, 1.25 * row
        step, pixels = list(line[row].steps.items())[column]
        height, width = np.array(pixels.shape) / max(pixels.shape)
        assert (np.asarray(picture.get_array()) == pixels).all()
        middle = (x + 0.5 - width / 2, x + 0.5 + width / 2, y + 0.5 + height / 2, y + 0.5 - height / 2)
        assert picture.get_extent() == pytest.approx(middle)
        assert picture.get_clim() == (0, 255)
        corners = [[x, y], [x + 1, y], [x + 1, y + 1], [x, y + 1], [x, y]]
        assert np.asarray(square.get_path().vertices)[:5] == pytest.approx(np.array(corners))
        assert to_hex(square.get_facecolor()) == ("#ffffff" if step == "cut out" else "#000000")
        if step in ("fitted", "centered"):  # the cross is on the center of mass, half a pixel off its index
            place = np.indices(pixels.shape).reshape(2, -1) @ pixels.ravel() / pixels.sum() + 0.5
            expected = np.array([middle[0], middle[3]]) + place[::-1] / max(pixels.shape)
            assert np.ravel(crosses.pop(0).get_xydata()) == pytest.approx(expected)
        if step == "centered":  # 20 of 28 pixels
            found = np.asarray(frames.pop(0).get_xydata()) - (x, y)
            assert found[[0, 2]] == pytest.approx(np.array([[4, 4], [24, 24]]) / 28)
    assert crosses == frames == []
    titles = ["cut out", "cleaned", "fitted into 20 x 20", "centered in 28 x 28"]
    assert [(text.get_text(), *text.get_position(), text.get_color()) for text in axes.texts] == [
        *((title, 1.25 * column + 0.5, -0.08, GRAY) for column, title in enumerate(titles)),
        *(("1", 5.1, 0.45, INK), ("output 0.91", 5.1, 0.85, GRAY)),
        *(("?", 5.1, 1.7, GRAY), ("output 0.20", 5.1, 2.1, GRAY)),
    ]
    assert (axes.get_xlim(), axes.get_ylim()) == ((-0.02, 5.7), (2.3, -0.3))
    assert (axes.get_aspect(), axes.axison) == (1, False)


def test_the_sheet_and_a_picture_for_each_line_are_written(sheet: Sheet, tmp_path: Path) -> None:
    answers = [(1, 0.9), (7, 0.8), (None, 0.1), (1, 0.7)]
    paths = save_steps(tmp_path, sheet, answers)
    expected = {
        "sheet.png": (partial(draw_sheet, sheet=sheet, answers=answers), (8, 9)),
        "line-1.png": (partial(draw_steps, glyphs=sheet.lines[0], answers=answers[:2]), (8, 3.3)),
        "line-2.png": (partial(draw_steps, glyphs=sheet.lines[1], answers=answers[2:3]), (8, 1.95)),
        "line-3.png": (partial(draw_steps, glyphs=sheet.lines[2], answers=answers[3:]), (8, 1.95)),
    }
    assert paths == [tmp_path / name for name in expected]
    for name, (draw, size) in expected.items():
        save_picture(tmp_path / "same.png", draw, size=size)
        assert (tmp_path / "same.png").read_bytes() == (tmp_path / name).read_bytes()
    for width, height in ((400, 2.5), (200, 4)):  # inches: as wide as the sheet is, but not too flat
        flat = replace(sheet, size=(width, 100), lines=[])
        save_steps(tmp_path, flat, [])
        save_picture(tmp_path / "same.png", partial(draw_sheet, sheet=flat, answers=[]), size=(8, height))
        assert (tmp_path / "same.png").read_bytes() == (tmp_path / "sheet.png").read_bytes()
    with pytest.raises(StorageError):
        save_steps(tmp_path / "none", sheet, answers)
