"""Finding digits in pictures: drawn here with Pillow, so that what is on them, and where, is known."""

import os
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from mnist_mlp.digits.glyph import bring_to_mnist, center, fit, thicken
from mnist_mlp.digits.ink import ink_contrast, otsu_threshold
from mnist_mlp.digits.photo import PhotoError, Sheet, lines_of, read_image

SEVEN = [(0, 0), (60, 0), (25, 100)]
SEVEN_BOX = (190, 90, 261, 202)  # of `drawn()`, its pen of 12 included; an odd angle makes a corner longer
KINDS = ["PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF"]
Strokes = Sequence[Sequence[tuple[float, float]]]


def drawn(
    size: tuple[int, int] = (600, 400),
    at: tuple[int, int] = (195, 95),
    *,
    strokes: Strokes = (SEVEN,),
    pen: int = 12,
    ink: int = 0,
    paper: int = 255,
) -> Image.Image:
    image = Image.new("L", size, paper)
    for stroke in strokes:
        line = [(x + at[0], y + at[1]) for x, y in stroke]
        ImageDraw.Draw(image).line(line, fill=ink, width=pen, joint="curve")
        for x, y in line:
            r = pen / 2
            ImageDraw.Draw(image).ellipse((x - r, y - r, x + r, y + r), fill=ink)
    return image


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def read(image: Image.Image, kind: str = "PNG", **options: object) -> Sheet:
    return read_image(BytesIO(saved(image, kind, **options)))


def is_the_seven(sheet: Sheet, tolerance: int = 6) -> bool:
    boxes = [glyph.box for glyph in sheet.glyphs]
    return len(boxes) == 1 and bool(np.allclose(boxes[0], SEVEN_BOX, atol=tolerance))


def test_a_drawn_seven_comes_out_as_in_mnist() -> None:
    sheet = read(drawn())
    assert sheet.size == (600, 400)
    assert is_the_seven(sheet)
    image = sheet.images[0]
    rows, columns = np.flatnonzero(image.max(axis=1)), np.flatnonzero(image.max(axis=0))
    assert image.shape == (28, 28)
    assert rows[-1] - rows[0] + 1 == 20  # its longest side
    assert columns[-1] - columns[0] + 1 == pytest.approx(20 * 72 / 112, abs=1)
    assert ndimage.center_of_mass(image) == pytest.approx((14, 14), abs=0.5)
    assert image[rows[0] + 1, columns[0] : columns[-1]].min() > 128  # the bar on top is ink, from 0 for paper
    assert image[rows[-1] - 1, : columns[0] + 3].max() == 0  # left of the foot is paper


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_says_the_same(kind: str) -> None:
    assert is_the_seven(read(drawn(), kind))


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "I", "F", "I;16"])
def test_every_kind_of_pixels_says_the_same(mode: str) -> None:
    image = drawn()
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
    assert is_the_seven(read(image if mode == "I;16" else image.convert(mode), "TIFF"))


@pytest.mark.parametrize(("ink", "paper"), [(0, 255), (255, 0), (200, 230), (60, 30), (30, 60)])
def test_any_ink_on_any_paper(ink: int, paper: int) -> None:
    assert is_the_seven(read(drawn(ink=ink, paper=paper)))


@pytest.mark.parametrize("ink", [0, 255])
def test_a_transparent_drawing_is_laid_on_what_contrasts(ink: int) -> None:
    image = Image.new("RGBA", (600, 400), (ink, ink, ink, 255))
    image.putalpha(drawn(ink=255, paper=0))
    assert is_the_seven(read(image))


@pytest.mark.parametrize("kind", ["JPEG", "TIFF", "PNG", "WEBP"])
@pytest.mark.parametrize(("orientation", "stored"), [(3, "ROTATE_180"), (6, "ROTATE_90"), (8, "ROTATE_270")])
def test_pictures_are_turned_as_exif_says(kind: str, orientation: int, stored: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    sheet = read(drawn().transpose(Image.Transpose[stored]), kind, exif=exif)
    assert sheet.size == (600, 400)
    assert is_the_seven(sheet)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF"])
def test_of_an_animation_the_first_picture_counts(kind: str) -> None:
    assert is_the_seven(read(drawn(), kind, save_all=True, append_images=[Image.new("L", (600, 400), 0)] * 2))


@pytest.mark.parametrize("factor", [0.05, 0.2, 1, 4])
def test_any_size_gives_nearly_the_same_image_and_a_box_in_its_own_pixels(factor: float) -> None:
    size = round(600 * factor), round(400 * factor)
    sheet = read(drawn().resize(size, Image.Resampling.LANCZOS))
    assert sheet.size == size
    assert is_the_seven(Sheet(size, sheet.picture, sheet.lines)) or factor != 1
    box = np.array(sheet.glyphs[0].box) / factor
    assert np.allclose(box, SEVEN_BOX, atol=max(6, 1.5 / factor))
    reference = read(drawn()).images[0].astype(float)
    assert np.abs(sheet.images[0] - reference).mean() < (25 if factor < 0.1 else 8)


def test_a_page_is_read_by_lines_from_left_to_right() -> None:
    page = Image.new("L", (800, 600), 255)
    places = [[(100, 80), (300, 95), (500, 110)], [(110, 330), (310, 345)]]  # both lines fall by 0.075
    for x, y in [place for line in places for place in line]:
        page.paste(drawn((90, 130), (15, 15)), (x, y))
    lines = read(page.rotate(-3, fillcolor=255, resample=Image.Resampling.BICUBIC)).lines
    assert [len(line) for line in lines] == [3, 2]
    assert str(lines[1][0]) == f"Glyph(box={lines[1][0].box})"  # without its pixels
    for line in lines:
        assert [glyph.box[0] for glyph in line] == sorted(glyph.box[0] for glyph in line)
    assert lines[0][0].box[1] < lines[1][0].box[1]


def test_the_bar_of_a_five_belongs_to_it() -> None:
    body = [(0, 15), (0, 50), (40, 50), (55, 75), (40, 100), (0, 100)]
    assert len(read(drawn(strokes=[body, [(8, -3), (60, -5)]])).glyphs) == 1


@pytest.mark.parametrize("gap", [2, 5])  # of its 112 pixels
def test_a_broken_stroke_is_one_digit(gap: int) -> None:
    image = drawn()
    ImageDraw.Draw(image).rectangle((190, 150 - gap, 300, 149), fill=255)
    assert is_the_seven(read(image))


def test_a_zero_with_narrow_gaps_at_top_and_bottom_is_one_digit() -> None:
    image = Image.new("L", (600, 400), 255)
    ImageDraw.Draw(image).ellipse((200, 100, 270, 212), outline=0, width=12)
    ImageDraw.Draw(image).rectangle((234, 0, 236, 399), fill=255)
    assert len(read(image).glyphs) == 1


def test_a_digit_is_cut_out_without_the_one_beside_it() -> None:
    one = [(0, 0), (0, 100)]
    (alone,) = read(drawn(strokes=[one])).images
    both = read(drawn(strokes=[one, [(18, 0), (18, 100)]])).images  # 6 pixels of paper between
    assert len(both) == 2
    for image in both:
        assert np.array_equal((image > 128).any(axis=0), (alone > 128).any(axis=0))


def test_a_small_part_belongs_to_the_digit_beside_it_if_it_is_close() -> None:
    """A 4 whose left part ends before it reaches the stroke on the right."""
    right = [(60, 0), (60, 100)]
    assert len(read(drawn(strokes=[right, [(10, 0), (0, 45), (42, 45)]])).glyphs) == 1
    assert len(read(drawn(strokes=[right, [(-20, 0), (-30, 45), (12, 45)]])).glyphs) == 2


def test_specks_and_what_reaches_in_from_outside_are_left_out() -> None:
    image = drawn()
    ImageDraw.Draw(image).rectangle((400, 300, 408, 308), fill=0)
    ImageDraw.Draw(image).polygon([(500, 0), (599, 0), (599, 90)], fill=0)
    ImageDraw.Draw(image).rectangle((330, 150, 480, 170), fill=0)  # the rest of a rule
    assert is_the_seven(read(image))


def test_a_table_around_the_paper_is_no_digit() -> None:
    image = Image.new("L", (660, 460), 60)
    image.paste(drawn(), (30, 30))
    (found,) = read(image).glyphs
    assert np.allclose(found.box, np.add(SEVEN_BOX, 30), atol=6)


def test_a_thumbnail_mostly_of_ink_is_one_digit() -> None:
    ink = np.pad(np.full((6, 2), 255, np.uint8), 1)
    ink[1, 0:3] = ink[6, 0:4] = 255  # 8 x 4, half of it ink
    for picture in (np.pad(ink, ((0, 0), (2, 2))), 255 - np.pad(ink, ((0, 0), (2, 2)))):
        assert len(read(Image.fromarray(picture)).glyphs) == 1


@pytest.mark.parametrize("shade", [120, 0])
@pytest.mark.parametrize("upright", [False, True])
def test_rules_are_left_out(shade: int, upright: bool) -> None:
    image = Image.new("L", (600, 400), 255)
    for at in range(27, 600, 60):
        line = [(at, 0), (at + 12, 399)] if upright else [(0, at), (599, at + 12)]
        ImageDraw.Draw(image).line(line, fill=shade, width=2)
    lines = np.minimum(np.asarray(image), np.asarray(drawn()))
    assert is_the_seven(read(Image.fromarray(lines)), tolerance=12)


def test_uneven_light_and_a_shadow_are_no_ink() -> None:
    y, x = np.mgrid[:400, :600]
    light = (1 - 0.5 * x / 600) * np.where(x + y > 500, 0.6, 1)
    rng = np.random.default_rng(1)
    pixels = np.asarray(drawn(paper=230, ink=40)) * ndimage.gaussian_filter(light, 8) + rng.normal(
        0, 4, (400, 600)
    )
    assert is_the_seven(read(Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)), "JPEG", quality=60))


def test_a_wide_part_is_split_where_the_score_is_higher() -> None:
    one = [(0, 0), (0, 100)]
    touching = drawn(strokes=[one, [(0, 50), (110, 50)], [(110, 0), (110, 100)]])
    file = saved(touching, "PNG")
    assert len(read_image(BytesIO(file)).glyphs) == 1

    def narrow(images: NDArray[np.uint8]) -> NDArray[np.floating[Any]]:
        return 1 - wide(images)

    def wide(images: NDArray[np.uint8]) -> NDArray[np.floating[Any]]:
        return np.asarray(images.any(axis=1).mean(axis=1) > 0.5, float)  # of 28 columns, 14 are ink

    left, right = read_image(BytesIO(file), narrow).glyphs
    assert left.box[2] == right.box[0]
    assert (left.box[0], right.box[2]) == pytest.approx((189, 312), abs=4)
    for score in (wide, lambda images: 0.25 * narrow(images)):  # or where it is hardly higher
        assert len(read_image(BytesIO(file), score).glyphs) == 1


@pytest.mark.parametrize("value", [0, 255, 128])
@pytest.mark.parametrize("size", [(8, 8), (300, 200), (2000, 8)])
def test_nothing_is_found_on_plain_paper(value: int, size: tuple[int, int]) -> None:
    sheet = read(Image.new("L", size, value))
    assert (sheet.lines, sheet.images.shape) == ([], (0, 28, 28))


@pytest.mark.parametrize("shape", [(100, 80), (300, 200), (600, 700, 3)])
def test_nothing_is_found_in_noise(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(2)
    assert read(Image.fromarray(rng.integers(0, 256, shape).astype(np.uint8))).lines == []
    faint = np.clip(rng.normal(200, 10, shape), 0, 255).astype(np.uint8)
    assert read(Image.fromarray(faint), "JPEG").lines == []


@pytest.mark.parametrize(
    "content", [b"", b"%PDF-1.4\n1 0 obj\n", b'<svg xmlns="http://www.w3.org/2000/svg"/>']
)
def test_what_is_no_picture_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "seven.png"
    path.write_bytes(content)
    with pytest.raises(PhotoError, match=r"seven\.png: is not a picture of a known kind") as caught:
        read_image(path)
    assert "\n" not in str(caught.value)
    drawn().save(path, "JPEG")
    assert is_the_seven(read_image(path))  # whatever its ending


@pytest.mark.parametrize("size", [(1, 1), (1, 100_000), (7, 500), (9000, 9000)])
def test_pictures_too_small_or_too_large_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(PhotoError, match=f"has {size[0]} x {size[1]} pixels"):
        read(Image.new("1", size))


def test_a_truncated_picture_is_refused() -> None:
    with pytest.raises(PhotoError, match=r"the picture: cannot be read: .*truncated"):
        read_image(BytesIO(saved(drawn(), "JPEG")[:1500]))


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.png")
    for path in (tmp_path, tmp_path / "fifo.png"):
        with pytest.raises(PhotoError, match="is not a file; check the path"):
            read_image(path)
    with pytest.raises(PhotoError, match=r"none\.png: cannot be read: No such file"):
        read_image(tmp_path / "none.png")


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_a_damaged_file_is_read_or_refused(data: st.DataObject) -> None:
    content = bytearray(saved(drawn((90, 130), (15, 15)), data.draw(st.sampled_from(KINDS))))
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, min(len(content) - 1, 400)))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)) | st.just(len(content)))
    try:
        sheet = read_image(BytesIO(bytes(content[:cut])))
    except PhotoError as refused:
        lines = str(refused).splitlines()
        assert len(lines) == 1
    else:
        assert all(glyph.image.shape == (28, 28) for glyph in sheet.glyphs)


def test_contrast_is_near_0_on_paper_and_tells_how_dark_ink_is() -> None:
    gray = 200 + np.random.default_rng(1).normal(0, 10, (300, 300)).astype(np.float32)
    gray[100:200, 140:150] = 30
    contrast = ink_contrast(gray)
    assert np.percentile(contrast, 30) == pytest.approx(0, abs=1e-4)  # of the paper, however noisy it is
    assert contrast[150, 145] == pytest.approx(1 - 30 / 200, abs=0.03)


def test_otsu_parts_two_heaps_between_them() -> None:
    values = np.concatenate([np.full(500, 0.2), np.full(100, 0.8)]) + np.linspace(-0.05, 0.05, 600)
    assert 0.234 < otsu_threshold(values) < 0.833  # the heaps reach to 0.233 and from 0.833 on


def test_fit_is_a_mean_over_the_area_of_each_pixel() -> None:
    ink = np.zeros((50, 50))
    ink[5:45, 10:20] = 1  # 40 x 10: by half to 20 x 5
    ink[5:45, 11:19:2] = 0
    assert (fit(ink) == [[128, 128, 128, 128, 255]] * 20).all()
    ink[5:45, 20] = 0.6  # more than half ink, so it belongs to the box: 40 x 11, to 20 x 6 (5.5, to even)
    assert fit(ink).shape == (20, 6)
    ink[2:5, 30] = 0.4  # less
    assert fit(ink).shape == (20, 6)


def test_lines_of_writing_may_be_close() -> None:
    boxes = [(left, top, left + 12, top + 20) for top in (0, 24) for left in (40, 0, 20)]
    assert lines_of(np.array(boxes), 20.0) == [[1, 2, 0], [4, 5, 3]]


def test_center_puts_the_center_of_mass_on_pixel_14() -> None:
    fitted = np.zeros((20, 10), np.uint8)
    fitted[:, 0] = 255  # its center of mass: row 9.5, column 0
    rows, columns = np.nonzero(center(fitted))
    assert [rows.min(), rows.max(), columns.min(), columns.max()] == [4, 23, 14, 14]
    rows, columns = np.nonzero(center(np.full((20, 20), 255, np.uint8)))
    assert (rows.min(), columns.min()) == (4, 4)


@pytest.mark.parametrize(("pen", "width"), [(2, 2.2), (15, 3.0), (40, 8.0)])
def test_strokes_thinner_than_in_mnist_are_thickened(pen: int, width: float) -> None:
    ink = np.zeros((140, 140))
    ink[20:120, 70 - pen // 2 : 70 - pen // 2 + pen] = 1
    thickness = (thicken(ink) > 0.5).sum(axis=1).max() / 100 * 20
    assert thickness == pytest.approx(width, rel=0.25)


@settings(max_examples=40, deadline=None)
@given(
    height=st.integers(1, 60), width=st.integers(1, 60), seed=st.integers(0, 2**32), density=st.floats(0, 1)
)
def test_anything_comes_out_as_28_by_28(height: int, width: int, seed: int, density: float) -> None:
    rng = np.random.default_rng(seed)
    contrast = (rng.random((height, width)) < density) * rng.random((height, width))
    steps = bring_to_mnist(contrast.astype(np.float32))
    assert steps["centered"].shape == (28, 28)
    assert max(steps["fitted"].shape) <= 20
