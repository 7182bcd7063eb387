"""A 784-200-10 sigmoid network for handwritten digits, written out in NumPy.

The public names are imported on first use, so that the command line starts without NumPy.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mnist_mlp.digits.images import Digits as Digits
    from mnist_mlp.digits.images import encode_targets as encode_targets
    from mnist_mlp.digits.images import scale_pixels as scale_pixels
    from mnist_mlp.digits.mnist import load_mnist as load_mnist
    from mnist_mlp.digits.photo import read_image as read_image
    from mnist_mlp.errors import MnistMlpError as MnistMlpError
    from mnist_mlp.nn.network import Network as Network
    from mnist_mlp.nn.online import train_online as train_online
    from mnist_mlp.report.scorecard import Scorecard as Scorecard
    from mnist_mlp.training.recipe import RECIPES as RECIPES
    from mnist_mlp.training.recipe import Recipe as Recipe
    from mnist_mlp.training.recipe import load_recipe as load_recipe
    from mnist_mlp.training.trainer import STOP as STOP
    from mnist_mlp.training.trainer import train as train

__version__ = "0.1.0"

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
__all__ = list(_MODULES)


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return getattr(import_module(f"mnist_mlp.{_MODULES[name]}"), name)
    raise AttributeError(f"module 'mnist_mlp' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULES])
