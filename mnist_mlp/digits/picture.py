"""Reads picture files of all kinds as gray levels, of a size that is easy to work with."""

import stat
import warnings
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from mnist_mlp.errors import MnistMlpError, printable

Gray = NDArray[np.floating[Any]]

_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")
_LEAST_SIDE, _MOST_PIXELS, _MOST_BYTES = 8, 64_000_000, 1 << 28
_WORKING_PIXELS, _WORKING_SIDE = 1_100_000, 300  # larger pictures are made smaller, small ones larger


class PhotoError(MnistMlpError):
    """A file that is not a picture that can be read."""


def read_gray(source: str | Path | BinaryIO) -> tuple[Gray, tuple[int, int]]:
    """Read a picture file, or the first picture of an animation.

    Args:
        source: a PNG, JPEG, WebP, BMP, TIFF or GIF file, or an open one; 8 x 8 to 64 million pixels.

    Returns:
        Gray levels from 0 (black) to 255, (h, w), brought to at most 1.1 million pixels and to a longest side
        of at least 300; and the picture's own (width, height). Both are turned as the EXIF data say.

    Raises:
        PhotoError: the file cannot be read, or is no such picture.
    """
    name = printable(source) if isinstance(source, str | Path) else "the picture"
    try:
        # Pillow is given an open file: from a name it maps some TIFF files, and then turns them wrongly.
        with _opened(source) as file, warnings.catch_warnings(action="ignore"):
            return _decoded(Image.open(file, formats=_FORMATS))
    except PhotoError as error:
        raise PhotoError(f"{name}: {error}") from None
    except UnidentifiedImageError:
        kinds = "PNG, JPEG, WebP, BMP, TIFF or GIF"
        raise PhotoError(f"{name}: is not a picture of a known kind; save it as {kinds}") from None
    except Exception as error:  # on a broken file Pillow's decoders can raise almost anything
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        remedy = "check the path" if isinstance(error, FileNotFoundError) else "save it anew"
        raise PhotoError(f"{name}: cannot be read: {printable(reason, 100)}; {remedy}") from error


def _opened(source: str | Path | BinaryIO) -> BinaryIO:
    if not isinstance(source, str | Path):
        data = source.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise PhotoError(f"is larger than {_MOST_BYTES >> 20} MB; save it smaller")
        return BytesIO(data)
    if not stat.S_ISREG(Path(source).stat().st_mode):  # reading a FIFO could wait forever
        raise PhotoError("is not a file; check the path")
    return Path(source).open("rb")


def _decoded(image: Image.Image) -> tuple[Gray, tuple[int, int]]:
    width, height = image.size
    if min(width, height) < _LEAST_SIDE or width * height > _MOST_PIXELS:
        raise PhotoError(
            f"has {width} x {height} pixels; choose a picture from 8 x 8 to {_MOST_PIXELS:,} pixels"
        )
    image.load()
    with suppress(Exception):  # broken EXIF data: the picture stays as it is
        ImageOps.exif_transpose(image, in_place=True)
    if image.mode.startswith(("I", "F")):
        image = _as_bytes(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
    elif image.mode not in ("L", "RGB"):
        image = image.convert("L" if image.mode == "1" else "RGB")
    larger = max(1.0, _WORKING_SIDE / max(width, height))
    factor = min(larger, (_WORKING_PIXELS / (width * height)) ** 0.5)
    return _flattened(resized(image, factor)), image.size


def resized(image: Image.Image, factor: float) -> Image.Image:
    """Make a picture larger or smaller; a pixel of a smaller one is the mean of the area that it covers."""
    how = Image.Resampling.BICUBIC if factor > 1 else Image.Resampling.BOX
    width, height = (max(1, round(side * factor)) for side in image.size)
    return image.resize((width, height), how)


def _as_bytes(image: Image.Image) -> Image.Image:
    """Pixels of 16 or 32 bits, or floats, as bytes: the largest becomes 255."""
    numbers = np.nan_to_num(np.asarray(image, np.float32), posinf=0, neginf=0)
    numbers -= min(0.0, float(numbers.min()))
    return Image.fromarray((numbers / max(float(numbers.max()), 1e-30) * 255).astype(np.uint8))


def _flattened(image: Image.Image) -> Gray:
    """Gray levels; what is transparent becomes white or black, whichever contrasts with what is drawn."""
    pixels = np.asarray(image.convert("RGBA"), np.float32)
    gray, alpha = pixels[..., :3] @ np.array([0.299, 0.587, 0.114], np.float32), pixels[..., 3] / 255
    drawn = float((gray * alpha).sum() / max(float(alpha.sum()), 1e-6))
    return gray * alpha + (255 if drawn < 128 else 0) * (1 - alpha)
