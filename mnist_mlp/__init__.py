"""A 784-200-10 sigmoid network for handwritten digits, written out in NumPy.

The public names are imported on first use, so that the command line starts without NumPy.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mnist_mlp.digits.images import Digits, encode_targets, scale_pixels
    from mnist_mlp.digits.mnist import load_mnist
    from mnist_mlp.digits.photo import read_image
    from mnist_mlp.errors import MnistMlpError
    from mnist_mlp.nn.network import Network
    from mnist_mlp.nn.online import train_online
    from mnist_mlp.report.scorecard import Scorecard
    from mnist_mlp.training.recipe import RECIPES, Recipe, load_recipe
    from mnist_mlp.training.trainer import STOP, train

__version__ = "0.1.0"

__all__ = [
    "RECIPES",
    "STOP",
    "Digits",
    "MnistMlpError",
    "Network",
    "Recipe",
    "Scorecard",
    "encode_targets",
    "load_mnist",
    "load_recipe",
    "read_image",
    "scale_pixels",
    "train",
    "train_online",
]

_MODULES = {
    "RECIPES": "training.recipe",
    "STOP": "training.trainer",
    "Digits": "digits.images",
    "MnistMlpError": "errors",
    "Network": "nn.network",
    "Recipe": "training.recipe",
    "Scorecard": "report.scorecard",
    "encode_targets": "digits.images",
    "load_mnist": "digits.mnist",
    "load_recipe": "training.recipe",
    "read_image": "digits.photo",
    "scale_pixels": "digits.images",
    "train": "training.trainer",
    "train_online": "nn.online",
}


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return getattr(import_module(f"mnist_mlp.{_MODULES[name]}"), name)
    raise AttributeError(f"module 'mnist_mlp' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULES])
