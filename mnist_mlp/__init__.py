"""A 784-200-10 sigmoid network for handwritten digits, written out in NumPy.

The public names are imported on first use, so that the command line starts without NumPy.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mnist_mlp.digits import Digits, encode_targets, load_mnist, scale_pixels
    from mnist_mlp.errors import MnistMlpError
    from mnist_mlp.network import Network
    from mnist_mlp.online import train_online
    from mnist_mlp.recipes import Recipe
    from mnist_mlp.scorecard import Scorecard
    from mnist_mlp.training import train

__version__ = "0.1.0"

__all__ = [
    "Digits",
    "MnistMlpError",
    "Network",
    "Recipe",
    "Scorecard",
    "encode_targets",
    "load_mnist",
    "scale_pixels",
    "train",
    "train_online",
]

_MODULES = {
    "Digits": "digits",
    "MnistMlpError": "errors",
    "Network": "network",
    "Recipe": "recipes",
    "Scorecard": "scorecard",
    "encode_targets": "digits",
    "load_mnist": "digits",
    "scale_pixels": "digits",
    "train": "training",
    "train_online": "online",
}


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return getattr(import_module(f"mnist_mlp.{_MODULES[name]}"), name)
    raise AttributeError(f"module 'mnist_mlp' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULES])
