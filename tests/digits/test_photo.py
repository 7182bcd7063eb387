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
from refusals import refused
from scipy import ndimage

from mnist_mlp.digits.photo import (
    PhotoError,
    Sheet,
    halves_of,
    join_parts,
    lines_of,
    read_image,
    usual_height,
)
from mnist_mlp.digits.picture import read_gray

SEVEN = [(0, 0), (60, 0), (25, 100)]
SEVEN_BOX = (189, 89, 262, 202)  # of `drawn()`, the width of its pen included
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


def is_the_seven(sheet: Sheet) -> bool:
    return [glyph.box for glyph in sheet.glyphs] == [SEVEN_BOX]


def test_a_drawn_seven_comes_out_as_in_mnist() -> None:
    sheet = read(drawn())
    assert sheet.size == (600, 400)
    np.testing.assert_array_equal(sheet.picture, np.asarray(drawn()))
    (seven,) = sheet.glyphs
    assert str(seven) == f"Glyph(box={SEVEN_BOX})"  # without its pixels
    # 73 x 113 pixels come to 13 x 20, each the mean of its area, with the center of mass on pixel 14.
    negative = Image.fromarray(255 - np.asarray(drawn()))
    small = np.asarray(negative.crop(SEVEN_BOX).resize((13, 20), Image.Resampling.BOX)).astype(int)
    row, column = (round(14 - middle) for middle in ndimage.center_of_mass(small))
    expected = np.pad(small, ((row, 28 - 20 - row), (column, 28 - 13 - column)))
    np.testing.assert_allclose(seven.image.astype(int), expected, atol=1)
    assert list(seven.steps) == ["cut out", "cleaned", "fitted", "centered"]
    left, top, right, bottom = SEVEN_BOX  # cut out with a twelfth of the height, 9 pixels, on each side
    cut_out = np.asarray(drawn())[top - 9 : bottom + 9, left - 9 : right + 9]
    np.testing.assert_array_equal(seven.steps["cut out"], cut_out)


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_says_the_same(kind: str) -> None:
    assert is_the_seven(read(drawn(), kind))


def gray_of(image: Image.Image, kind: str = "TIFF", **options: object) -> NDArray[np.floating[Any]]:
    gray, size = read_gray(BytesIO(saved(image, kind, **options)))
    assert size == image.size
    return gray


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "I", "F", "I;16"])
def test_every_kind_of_pixels_says_the_same(mode: str) -> None:
    image = drawn().resize((150, 100), Image.Resampling.NEAREST)  # which is made larger again
    other = (
        Image.fromarray(np.asarray(image).astype(np.uint16) * 257) if mode == "I;16" else image.convert(mode)
    )
    np.testing.assert_array_equal(gray_of(other), gray_of(image))


def test_colors_and_numbers_of_any_range_become_gray_levels() -> None:
    strips = np.repeat(np.eye(3, dtype=np.uint8) * 255, 100, axis=0) + np.zeros((8, 1, 1), np.uint8)
    levels = [255 * 0.299, 255 * 0.587, 255 * 0.114]  # of red, green and blue, ITU-R BT.601
    np.testing.assert_allclose(gray_of(Image.fromarray(strips))[:, ::100], [levels] * 8, rtol=1e-6)
    numbers = np.repeat([-10, 0, 10, np.nan, np.inf, -np.inf], 50) + np.zeros((8, 1))
    gray = gray_of(Image.fromarray(numbers.astype(np.float32)))  # from -10 to 10, all else as 0
    np.testing.assert_array_equal(gray[:, ::50], [[0, 127, 255, 127, 127, 127]] * 8)
    assert not gray_of(Image.fromarray(np.zeros((300, 300), np.float32))).any()
    paper = np.repeat([40_000, 50_000], 150) + np.zeros((8, 1))  # the largest becomes 255, and 0 stays 0
    np.testing.assert_array_equal(
        gray_of(Image.fromarray(paper.astype(np.uint16)))[:, ::150], [[204, 255]] * 8
    )


@pytest.mark.parametrize(("ink", "below"), [(0, 255), (100, 255), (200, 0), (255, 0)])
def test_a_transparent_drawing_is_laid_on_what_contrasts(ink: int, below: int) -> None:
    image = Image.new("RGBA", (600, 400), (ink, ink, ink, 255))
    image.putalpha(drawn(ink=204, paper=0))
    share = np.asarray(drawn(ink=204, paper=0)) / 255  # 0.8 or nothing
    np.testing.assert_allclose(gray_of(image, "PNG"), ink * share + below * (1 - share), atol=1e-4)
    without_alpha = gray_of(drawn(ink=ink, paper=150), "PNG", transparency=150)
    np.testing.assert_array_equal(without_alpha, drawn(ink=ink, paper=below))


@pytest.mark.parametrize(
    ("size", "brought_to"),
    [
        ((600, 400), (600, 400)),
        ((2200, 2000), (1100, 1000)),  # to 1.1 million pixels
        ((150, 100), (300, 200)),  # to 300 pixels
        ((2000, 8), (2000, 8)),
    ],
)
def test_pictures_are_brought_to_a_size_to_work_with(
    size: tuple[int, int], brought_to: tuple[int, int]
) -> None:
    image = Image.fromarray(np.random.default_rng(1).integers(0, 256, size[::-1]).astype(np.uint8))
    how = Image.Resampling.BOX if size > brought_to else Image.Resampling.BICUBIC
    np.testing.assert_allclose(gray_of(image), np.asarray(image.resize(brought_to, how)), atol=1e-4)


@pytest.mark.parametrize(("ink", "paper"), [(0, 255), (255, 0), (200, 230), (60, 30), (30, 60)])
def test_any_ink_on_any_paper(ink: int, paper: int) -> None:
    assert is_the_seven(read(drawn(ink=ink, paper=paper)))


@pytest.mark.parametrize("kind", ["JPEG", "TIFF", "PNG", "WEBP"])
@pytest.mark.parametrize(("orientation", "stored"), [(3, "ROTATE_180"), (6, "ROTATE_90"), (8, "ROTATE_270")])
def test_pictures_are_turned_as_exif_says(kind: str, orientation: int, stored: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    sheet = read(drawn().transpose(Image.Transpose[stored]), kind, exif=exif)
    assert sheet.size == (600, 400)
    assert is_the_seven(sheet)


@pytest.mark.parametrize("exif", [b"Exif\0\0garbage!", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff"])
def test_a_picture_with_broken_exif_data_stays_as_it_is(exif: bytes) -> None:
    assert is_the_seven(read(drawn(), "PNG", exif=exif))


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF"])
def test_of_an_animation_the_first_picture_counts(kind: str) -> None:
    assert is_the_seven(read(drawn(), kind, save_all=True, append_images=[Image.new("L", (600, 400), 0)] * 2))


@pytest.mark.parametrize("factor", [0.05, 0.2, 1, 4])
def test_any_size_gives_nearly_the_same_image_and_a_box_in_its_own_pixels(factor: float) -> None:
    size = round(600 * factor), round(400 * factor)
    sheet = read(drawn().resize(size, Image.Resampling.LANCZOS))
    assert sheet.size == size
    box = np.array(sheet.glyphs[0].box) / factor
    np.testing.assert_allclose(box, SEVEN_BOX, atol=max(1, 0.6 / factor))
    reference = read(drawn()).images[0].astype(float)
    assert np.abs(sheet.images[0] - reference).mean() < (22 if factor < 0.1 else 2.5)


@pytest.mark.parametrize("angle", [0, -3])
def test_a_page_is_read_by_lines_from_left_to_right(angle: int) -> None:
    page = Image.new("L", (800, 600), 255)
    places = [[(100, 80), (300, 95), (500, 110)], [(110, 330), (310, 345)]]  # both lines fall by 0.075
    for x, y in [place for line in places for place in line]:
        page.paste(drawn().crop((180, 80, 270, 210)), (x, y))
    turned = page.rotate(angle, fillcolor=255, resample=Image.Resampling.BICUBIC)
    lines = [[glyph.box for glyph in line] for line in read(turned).lines]
    if angle == 0:
        assert lines == [
            [tuple(np.add(SEVEN_BOX, (x - 180, y - 80) * 2)) for x, y in line] for line in places
        ]
    assert [[box[0] // 100 for box in line] for line in lines] == [[1, 3, 5], [1, 3]]


@pytest.mark.parametrize("gap", [2, 5])  # of its 112 pixels
def test_a_broken_stroke_is_one_digit(gap: int) -> None:
    image = drawn()
    ImageDraw.Draw(image).rectangle((190, 150 - gap, 300, 149), fill=255)
    assert is_the_seven(read(image))


@pytest.mark.parametrize(("gap", "digits"), [(3, 1), (5, 2)])  # breaks of up to 3 percent of 113 are closed
def test_a_zero_with_narrow_gaps_at_top_and_bottom_is_one_digit(gap: int, digits: int) -> None:
    image = Image.new("L", (600, 400), 255)
    ImageDraw.Draw(image).ellipse((200, 100, 270, 212), outline=0, width=12)
    ImageDraw.Draw(image).rectangle((234, 0, 233 + gap, 399), fill=255)
    assert len(read(image).glyphs) == digits


def test_a_digit_is_cut_out_without_the_one_beside_it() -> None:
    one = [(0, 0), (0, 100)]
    (alone,) = read(drawn(strokes=[one])).images
    both = read(drawn(strokes=[one, [(18, 0), (18, 100)]])).images  # 6 pixels of paper between
    assert len(both) == 2
    for image in both:
        np.testing.assert_array_equal(image, alone)


@pytest.mark.parametrize(
    ("size", "kept"),
    [
        ((26, 26), False),  # below a quarter of 113 pixels
        ((30, 30), True),
        ((150, 20), False),  # the rest of a rule
        ((78, 30), False),  # more than 2.5 times as wide as high
        ((72, 30), True),
    ],
)
def test_small_and_flat_parts_are_left_out(size: tuple[int, int], kept: bool) -> None:
    image, part = drawn(), (400, 300, 400 + size[0], 300 + size[1])
    ImageDraw.Draw(image).rectangle((400, 300, 399 + size[0], 299 + size[1]), fill=0)
    assert [glyph.box for glyph in read(image).glyphs] == [SEVEN_BOX, part][: 1 + kept]


@pytest.mark.parametrize(("side", "top"), [(15, 66), (12, 89)])  # below 0.12 of 113 pixels it is a speck
def test_a_small_stroke_above_a_digit_belongs_to_it(side: int, top: int) -> None:
    image = drawn()
    ImageDraw.Draw(image).rectangle((220, 81 - side, 219 + side, 80), fill=0)
    assert [glyph.box for glyph in read(image).glyphs] == [(189, top, 262, 202)]


@pytest.mark.parametrize(
    "place", [(300, 0, 340, 60), (0, 250, 60, 300), (100, 340, 150, 399), (540, 200, 599, 260)]
)
def test_what_reaches_in_from_outside_is_left_out(place: tuple[int, int, int, int]) -> None:
    image = drawn()
    ImageDraw.Draw(image).rectangle(place, fill=0)
    assert is_the_seven(read(image))


def test_a_digit_that_the_border_cuts_is_found_if_there_is_nothing_else() -> None:
    (cut,) = read(drawn(at=(195, 320))).glyphs
    assert cut.box[1::2] == (89 + 320 - 95, 400)


@pytest.mark.parametrize("at", [(8, 8), (531, 291)])
def test_a_digit_close_to_the_border_looks_as_in_the_middle(at: tuple[int, int]) -> None:
    np.testing.assert_array_equal(read(drawn(at=at)).images, read(drawn()).images)


@pytest.mark.parametrize("rim", [10, 30, 60])
@pytest.mark.parametrize(
    ("size", "at"), [((600, 400), (195, 95)), ((840, 640), (195, 95)), ((840, 640), (18, 18))]
)
def test_a_table_around_the_paper_is_no_digit(size: tuple[int, int], at: tuple[int, int], rim: int) -> None:
    image = Image.new("L", (size[0] + 2 * rim, size[1] + 2 * rim), 120)
    image.paste(drawn(size, at), (rim, rim))
    box = tuple(np.add(SEVEN_BOX, rim + np.subtract(at * 2, (195, 95) * 2)))
    for picture in (image, Image.fromarray(255 - np.asarray(image))):  # a blackboard in a light frame
        assert [glyph.box for glyph in read(picture).glyphs] == [box]


def test_a_thumbnail_mostly_of_ink_is_one_digit() -> None:
    ink = np.pad(np.full((6, 2), 255, np.uint8), 1)
    ink[1, 0:3] = ink[6, 0:4] = 255  # 8 x 4, half of it ink
    for picture in (np.pad(ink, ((0, 0), (2, 2))), 255 - np.pad(ink, ((0, 0), (2, 2)))):
        assert len(read(Image.fromarray(picture)).glyphs) == 1


@pytest.mark.parametrize(
    ("upright", "fall", "width", "shade"),
    [(False, 12, 2, 120), (False, -60, 4, 0), (True, 12, 2, 0), (True, 60, 4, 120)],
)
def test_rules_are_left_out(upright: bool, fall: int, width: int, shade: int) -> None:
    image = Image.new("L", (600, 400), 255)
    for at in range(27, 600, 60):
        line = [(at, 0), (at + fall, 399)] if upright else [(0, at), (599, at + fall)]
        ImageDraw.Draw(image).line(line, fill=shade, width=width)
    lines = np.minimum(np.asarray(image), np.asarray(drawn()))
    assert is_the_seven(read(Image.fromarray(lines)))


def test_uneven_light_and_a_shadow_are_no_ink() -> None:
    y, x = np.mgrid[:400, :600]
    light = (1 - 0.5 * x / 600) * np.where(x + y > 500, 0.6, 1)
    rng = np.random.default_rng(1)
    pixels = np.asarray(drawn(paper=230, ink=40)) * ndimage.gaussian_filter(light, 8) + rng.normal(
        0, 4, (400, 600)
    )
    assert is_the_seven(read(Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)), "JPEG", quality=60))


WHOLE, HALVES = [(189, 89, 312, 202)], [(189, 89, 250, 202), (250, 89, 312, 202)]


@pytest.mark.parametrize(
    ("of_whole", "of_halves", "expected"),
    [
        (0.0, (1.0, 1.0), HALVES),
        (0.0, (0.35, 0.35), HALVES),
        (0.0, (0.25, 0.25), WHOLE),  # hardly higher
        (0.5, (0.75, 0.75), WHOLE),
        (0.0, (1.0, 0.1), WHOLE),  # of one half only
        (0.0, (0.1, 1.0), WHOLE),
    ],
)
def test_a_wide_part_is_split_where_the_score_of_both_halves_is_higher(
    of_whole: float, of_halves: tuple[float, float], expected: list[tuple[int, ...]]
) -> None:
    strokes = [[(0, 0), (0, 100)], [(0, 50), (110, 50)], [(110, 0), (110, 100)]]
    image = drawn(strokes=strokes)
    file = saved(image, "PNG")

    def score(images: NDArray[np.uint8]) -> NDArray[np.floating[Any]]:
        assert images.shape[1:] == (28, 28)
        return np.array([of_whole] if len(images) == 1 else of_halves)

    found = read_image(BytesIO(file), score).glyphs
    assert [glyph.box for glyph in found] == expected
    for glyph in found:  # as if it were the only one
        left, _, right, _ = glyph.box
        alone = np.where((np.arange(600) >= left) & (np.arange(600) < right), np.asarray(image), 255)
        (expected_image,) = read(Image.fromarray(alone.astype(np.uint8))).images
        np.testing.assert_array_equal(glyph.image, expected_image)
    assert [glyph.box for glyph in read_image(BytesIO(file)).glyphs] == WHOLE
    assert is_the_seven(read_image(BytesIO(saved(drawn(), "PNG")), score))


@pytest.mark.parametrize(("side", "found"), [(7, 0), (8, 1)])
def test_a_part_of_less_than_8_pixels_is_no_digit(side: int, found: int) -> None:
    image = Image.new("L", (300, 200), 255)
    ImageDraw.Draw(image).rectangle((150, 100, 149 + side, 99 + side), fill=0)
    assert len(read(image).glyphs) == found


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


@pytest.mark.parametrize("content", [b"", b"%PDF-1.4\n", b'<svg xmlns="http://www.w3.org/2000/svg"/>'])
def test_what_is_no_picture_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "seven.png"
    path.write_bytes(content)
    kinds = "save it as PNG, JPEG, WebP, BMP, TIFF or GIF"
    assert refused(read_image, path) == f"{path}: is not a picture of a known kind; {kinds}"
    drawn().save(path, "JPEG")
    assert is_the_seven(read_image(path))  # whatever its ending


@pytest.mark.parametrize("size", [(1, 1), (1, 100_000), (7, 500), (8000, 8001)])
def test_pictures_too_small_or_too_large_are_refused(size: tuple[int, int]) -> None:
    fault = f"has {size[0]} x {size[1]} pixels; choose a picture from 8 x 8 to 64,000,000 pixels"
    assert refused(read, Image.new("1", size)) == f"the picture: {fault}"


def test_a_picture_of_64_million_pixels_is_read() -> None:
    assert gray_of(Image.new("1", (8000, 8000)), "PNG").shape == (1049, 1049)  # of 1.1 million


def test_a_truncated_picture_is_refused() -> None:
    message = refused(read_image, BytesIO(saved(drawn(), "JPEG")[:1500]))
    assert message.startswith("the picture: cannot be read: image file is truncated")


def test_what_is_no_file_or_too_large_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.png")
    for path in (tmp_path, tmp_path / "fifo.png"):
        assert refused(read_image, path) == f"{path}: is not a file; check the path"
    path = tmp_path / "none.png"
    assert (
        refused(read_image, str(path)) == f"{path}: cannot be read: No such file or directory; check the path"
    )
    path.touch()
    os.truncate(path, 2**28 + 1)
    with path.open("rb") as file:
        assert refused(read_image, file) == "the picture: is larger than 256 MB; save it smaller"


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


@pytest.mark.parametrize("slope", [-0.24, 0, 0.24])
def test_lines_of_writing_may_be_close_and_slope_alike(slope: float) -> None:
    places = [(left, top + slope * left) for top in (0, 24) for left in (80, 0, 40)]
    boxes = [(left, top, left + 12, top + 20) for left, top in places]
    assert lines_of(np.array(boxes), 20.0) == [[1, 2, 0], [4, 5, 3]]


# Parts of one digit that is 100 pixels tall: boxes of left, top, right and bottom
PAIRS: list[tuple[tuple[int, ...], tuple[int, ...], bool]] = [
    ((0, 0, 60, 60), (0, 84, 60, 144), True),  # one above the other, apart by up to a quarter
    ((0, 0, 60, 60), (0, 86, 60, 146), False),
    ((0, 0, 60, 60), (29, 80, 89, 140), True),  # above each other by more than half of their width
    ((0, 0, 60, 60), (31, 80, 91, 140), False),
    ((0, 0, 60, 60), (0, 75, 60, 144), True),  # in all up to 1.45 times as tall
    ((0, 0, 60, 60), (0, 75, 60, 146), False),
    ((0, 0, 60, 100), (0, 105, 60, 199), True),  # or twice, where they nearly touch
    ((0, 0, 60, 100), (0, 105, 60, 201), False),
    ((0, 0, 60, 100), (71, 20, 99, 78), True),  # beside each other, one of them small and close
    ((0, 0, 60, 100), (73, 20, 99, 78), False),
    ((0, 0, 60, 100), (71, 20, 99, 81), False),
]


@pytest.mark.parametrize(("one", "other", "together"), PAIRS)
def test_parts_of_one_digit_are_joined(one: tuple[int, ...], other: tuple[int, ...], together: bool) -> None:
    for boxes in (one, other), (other, one):
        paper, first, second = join_parts(np.array(boxes), 100.0)
        assert paper not in (first, second)
        assert (first == second) == together


def test_a_part_joined_to_a_digit_joins_what_is_close_to_both() -> None:
    boxes = [(0, 0, 60, 50), (0, 60, 60, 110), (66, 40, 80, 70), (300, 0, 360, 100)]
    group = join_parts(np.array(boxes), 100.0).tolist()
    assert group[1] == group[2] == group[3]
    assert len(set(group)) == 3


def test_a_small_part_between_two_digits_belongs_to_one_of_them() -> None:
    boxes = [(0, 0, 60, 100), (84, 0, 144, 100), (64, 10, 80, 40)]
    _, left, right, small = join_parts(np.array(boxes), 100.0)
    assert small == right != left


def test_the_usual_height_is_the_median_by_ink_of_the_longest_sides() -> None:
    labels = np.zeros((100, 100), int)
    boxes = [(60, 20, 62, 80), (20, 20, 30, 40), (0, 0, 50, 10), (0, 20, 10, 50), (40, 20, 50, 40)]
    for number, (left, top, right, bottom) in enumerate(boxes, 1):
        labels[top:bottom, left:right] = number  # 120, 200, 500, 300 and 200 pixels of ink
    # By size: 20 (400 pixels), 30 (300), 50 (500), 60 (120); the middle of 1320 is among those of 30.
    assert usual_height(labels, np.array(boxes)) == 30
    assert usual_height(labels, np.empty((0, 4), int)) == 0


def test_a_wide_part_may_be_cut_where_its_columns_have_little_ink() -> None:
    labels = np.zeros((120, 240), int)
    for left in (5, 105, 205):
        labels[10:110, left : left + 20] = 1  # three strokes
    labels[56:66, 25:105] = labels[60:66, 125:205] = 1  # and what joins them, the first thicker

    def cuts(*box: int, tall: float = 100) -> list[list[list[int]]]:
        return [boxes.tolist() for boxes in halves_of(labels, np.array(box), 1, tall)]

    assert cuts(5, 10, 225, 110) == [
        [[5, 10, 165, 110], [165, 10, 225, 110]],
        [[5, 10, 65, 110], [65, 10, 225, 110]],
    ]
    assert cuts(5, 10, 125, 110) == [[[5, 10, 65, 110], [65, 10, 125, 110]]]
    assert cuts(5, 10, 125, 110, tall=215) == []  # too narrow for two digits
    close = np.zeros((120, 240), int)
    close[10:110, 5:25] = close[10:110, 74:94] = close[60:66, 25:74] = 1  # 89 wide, less than tall
    (halves,) = halves_of(close, np.array((5, 10, 94, 110)), 1, 100)
    assert halves.tolist() == [[5, 10, 49, 110], [49, 10, 94, 110]]
    assert halves_of(close, np.array((5, 10, 84, 110)), 1, 100) == []  # below 0.8 of the height
    labels[10:66, 205:] = 0  # the last stroke is less than 0.6 times as tall
    assert len(cuts(5, 10, 225, 110)) == 1
    labels[:] *= 2  # now all is of another part
    assert cuts(5, 10, 225, 110) == []
