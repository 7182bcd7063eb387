"""The network: layers of weights and biases, what they compute, and their gradients, for whole batches."""

from __future__ import annotations  # so that help() shows short types

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from mnist_mlp.errors import MnistMlpError, printable
from mnist_mlp.files.arrays import load_arrays, save_arrays
from mnist_mlp.nn.activations import ACTIVATIONS
from mnist_mlp.nn.blas import Floats, product
from mnist_mlp.nn.losses import LOSSES, Loss

FORMAT_VERSION = 1
_SAMPLES_AT_ONCE = 1000  # in `forward`, so that the outputs of the hidden layers fill little memory
_PARAMETERS_SHOWN = 50  # `print` shows all weights and biases of a network that has no more

INITIALIZATIONS = {
    "uniform": lambda rng, n_out, n_in: rng.random((n_out, n_in)) - 0.5,
    "normal-fan-out": lambda rng, n_out, n_in: rng.normal(0, n_out**-0.5, (n_out, n_in)),
    "normal-fan-in": lambda rng, n_out, n_in: rng.normal(0, n_in**-0.5, (n_out, n_in)),
}


class NetworkError(MnistMlpError):
    """A network that cannot be built, loaded or used as asked."""


class Network:
    """A fully connected network: each layer computes ``activation(inputs @ weights.T + biases)``.

    Args:
        sizes: units a layer, the inputs first: ``[784, 200, 10]``.
        activations: one name a layer after the inputs: sigmoid (all, if omitted), tanh, relu, linear, for the
            last layer also softmax or open-softmax.
        init: how the weights are drawn: ``uniform`` in [-0.5, 0.5), or normal with the standard deviation
            1/sqrt(n_out) (``normal-fan-out``) or 1/sqrt(n_in) (``normal-fan-in``).
        biases: whether the layers have biases; they start at zero.
        rng: a Generator, or a seed for one.
        dtype: float32 or float64, of everything the network computes.

    Attributes:
        weights: one array (n_out, n_in) a layer.
        biases: one array (n_out,) a layer, or None.
        activations: one name a layer.
        metadata: what else the file said that it was loaded from, as plain JSON values.

    Raises:
        NetworkError: if the arguments do not describe a network.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activations: Sequence[str] | None = None,
        *,
        init: str = "uniform",
        biases: bool = False,
        rng: np.random.Generator | int,
        dtype: DTypeLike = np.float32,
    ) -> None:
        if len(sizes) < 2 or min(sizes) < 1:
            raise NetworkError(f"sizes {list(sizes)}: a network needs at least two, all of them above 0")
        _check_known("init", init, INITIALIZATIONS)
        rng = np.random.default_rng(rng)
        weights = [INITIALIZATIONS[init](rng, n_out, n_in).astype(dtype) for n_in, n_out in pairwise(sizes)]
        zeros = [np.zeros(n_out, dtype) for n_out in sizes[1:]]
        names = ["sigmoid"] * len(weights) if activations is None else activations
        self._set(weights, zeros if biases else None, names)

    @classmethod
    def from_arrays(
        cls,
        weights: Sequence[ArrayLike],
        biases: Sequence[ArrayLike] | None = None,
        activations: Sequence[str] = ("sigmoid", "sigmoid"),
    ) -> Self:
        """Make a network of given weights (n_out, n_in) and biases (n_out,), one a layer, copied.

        float32 arrays stay float32; anything else becomes float64. Raises NetworkError if they do not fit
        together or are not finite.
        """
        network, layers = cls.__new__(cls), len(weights)
        arrays = [np.asarray(array) for array in [*weights, *(biases or [])]]
        dtype = np.float32 if all(array.dtype == np.float32 for array in arrays) else np.float64
        arrays = [np.array(array, dtype, order="C") for array in arrays]
        network._set(arrays[:layers], None if biases is None else arrays[layers:], activations)
        return network

    def _set(self, weights: list[Floats], biases: list[Floats] | None, activations: Sequence[str]) -> None:
        for name in activations:
            _check_known("activation", name, ACTIVATIONS)
        if len(activations) != len(weights) or not weights:
            raise NetworkError(f"{len(weights)} layers need as many activations, not {len(activations)}")
        if any("softmax" in name for name in activations[:-1]):
            raise NetworkError("softmax is for the last layer only")
        if any(W.ndim != 2 or 0 in W.shape for W in weights):
            raise NetworkError("each layer's weights must be a matrix (n_out, n_in)")
        for i, (n_in, n_out) in enumerate((W.shape[1], len(V)) for V, W in pairwise(weights)):
            if n_in != n_out:
                raise NetworkError(f"layer {i + 1} takes {n_in} inputs, but layer {i} has {n_out} units")
        if biases is not None and [b.shape for b in biases] != [(len(W),) for W in weights]:
            raise NetworkError("each layer's biases must be one a unit")
        if weights[0].dtype not in (np.float32, np.float64):
            raise NetworkError(f"a network computes in float32 or float64, not {weights[0].dtype}")
        if not all(np.isfinite(array).all() for array in [*weights, *(biases or [])]):
            raise NetworkError("the weights and biases must be finite numbers")
        self.weights, self.biases, self.activations = weights, biases, tuple(activations)
        self.metadata: dict[str, Any] = {}

    @property
    def sizes(self) -> list[int]:
        """Units a layer, the inputs first."""
        return [self.weights[0].shape[1], *(len(W) for W in self.weights)]

    @property
    def dtype(self) -> np.dtype[Any]:
        """float32 or float64."""
        return self.weights[0].dtype

    def copy(self) -> Self:
        """Return an independent network that computes the same."""
        return self.from_arrays(self.weights, self.biases, self.activations)

    def parameters(self) -> list[Floats]:
        """All weights, then all biases: the arrays themselves, not copies."""
        return [*self.weights, *(self.biases or [])]

    def __repr__(self) -> str:
        sizes, layers = "-".join(map(str, self.sizes)), ", ".join(self.activations)
        return f"<Network {sizes}, {layers}, {'with' if self.biases else 'no'} biases, {self.dtype}>"

    def __str__(self) -> str:
        count = sum(array.size for array in self.parameters())
        lines = [f"network {'-'.join(map(str, self.sizes))}, {self.dtype}, {count:,} parameters"]
        for i, W in enumerate(self.weights):
            biases = f" + {len(W)} biases" if self.biases else ""
            lines.append(f"  layer {i}: {W.size:,} weights{biases}, {self.activations[i]}")
            if count <= _PARAMETERS_SHOWN:
                for array in [W, self.biases[i]] if self.biases else [W]:
                    numbers = np.array2string(array, precision=9, suppress_small=True, prefix="    ")
                    lines.append(f"    {numbers}")
        return "\n".join(lines)

    def forward(self, inputs: ArrayLike) -> Floats:
        """Compute the outputs, (n, n_out), of inputs (n, n_in), or raise NetworkError if these do not fit."""
        x = self._as_samples("inputs", inputs, self.sizes[0])
        outputs = np.empty((len(x), self.sizes[-1]), self.dtype)
        with np.errstate(over="ignore", invalid="ignore"):
            for first in range(0, len(x), _SAMPLES_AT_ONCE):
                part = slice(first, first + _SAMPLES_AT_ONCE)
                outputs[part] = self.layer_outputs(x[part])[-1]
        return outputs

    def predict(self, inputs: ArrayLike) -> NDArray[np.intp]:
        """Return the index of the largest output, (n,), for inputs (n, n_in)."""
        return np.asarray(self.forward(inputs).argmax(axis=1))

    def gradients(
        self, inputs: ArrayLike, targets: ArrayLike, loss: str = "squared-error"
    ) -> tuple[list[Floats], list[Floats] | None]:
        """Compute the gradients of the samples' mean loss by the weights and biases, in their layout.

        Inputs are (n, n_in), targets (n, n_out), losses those of `mnist_mlp.nn.losses`. Raises NetworkError
        if the shapes do not fit, there is no sample, or the loss does not fit the output activation.
        """
        x, t = self.as_batch(inputs, targets)
        if not len(x):
            raise NetworkError("a gradient needs at least one sample")
        y = self.layer_outputs(x)
        deltas = self.layer_deltas(y, t, self.checked_loss(loss))
        weights = [product(delta.T, y[i], scale=1 / len(x)) for i, delta in enumerate(deltas)]
        return weights, None if self.biases is None else [delta.mean(axis=0) for delta in deltas]

    def layer_outputs(self, inputs: Floats) -> list[Floats]:
        """Go forward: return the inputs, (n, n_in), and then the outputs of each layer, (n, n_out)."""
        y = [inputs]
        for i, W in enumerate(self.weights):
            z = product(y[i], W.T)
            if self.biases is not None:
                z += self.biases[i]
            y.append(ACTIVATIONS[self.activations[i]].value(z))
        return y

    def layer_deltas(self, y: Sequence[Floats], targets: Floats, loss: Loss) -> list[Floats]:
        """Go backward, from y that `layer_outputs` returned and targets (n, n_out).

        Return for each layer the derivatives of each sample's loss by the layer's weighted sums, (n, n_out).
        """
        derivatives = [ACTIVATIONS[name].derivative for name in self.activations]
        error: Floats = y[-1] - targets
        if loss.derivative_backpropagated:
            error *= derivatives[-1](y[-1])
        deltas = [error]
        for i in range(len(self.weights) - 1, 0, -1):
            delta = product(deltas[0], self.weights[i])
            delta *= derivatives[i - 1](y[i])
            deltas.insert(0, delta)
        if loss.derivative_in_output_layer and not loss.derivative_backpropagated:
            error *= derivatives[-1](y[-1])
        return deltas

    def checked_loss(self, name: str) -> Loss:
        """Look up a loss by its name and check that it fits the output activation, or raise NetworkError."""
        _check_known("loss", name, LOSSES)
        last, fitting = self.activations[-1], LOSSES[name].outputs
        if last not in fitting:
            raise NetworkError(f"loss {name!r} needs {' or '.join(fitting)} outputs, not {last}")
        return LOSSES[name]

    def as_batch(self, inputs: ArrayLike, targets: ArrayLike) -> tuple[Floats, Floats]:
        """Return both in the network's dtype, checked to fit it and each other, or raise NetworkError."""
        x = self._as_samples("inputs", inputs, self.sizes[0])
        t = self._as_samples("targets", targets, self.sizes[-1])
        if len(x) != len(t):
            raise NetworkError(f"{len(x)} samples of inputs need as many targets, not {len(t)}")
        return x, t

    def _as_samples(self, what: str, array: ArrayLike, columns: int) -> Floats:
        if columns == 784 and np.asarray(array).dtype == np.uint8:
            raise NetworkError(f"the {what} are raw pixels (uint8): scale them with scale_pixels")
        samples = np.ascontiguousarray(array, self.dtype)
        if samples.ndim != 2 or samples.shape[1] != columns:
            raise NetworkError(
                f"{what} of shape {samples.shape} do not fit: this network takes (n, {columns})"
            )
        return samples

    def save(self, path: str | Path, metadata: Mapping[str, Any] | None = None) -> None:
        """Write the network to a safetensors file, whole or not at all, or raise StorageError.

        The metadata are what else the file should say, as plain JSON values; `self.metadata` if omitted.
        """
        arrays = {f"layers.{i}.weight": W for i, W in enumerate(self.weights)}
        arrays |= {f"layers.{i}.bias": b for i, b in enumerate(self.biases or [])}
        own = {"format_version": FORMAT_VERSION, "activations": list(self.activations)}
        save_arrays(Path(path), arrays, {**(self.metadata if metadata is None else metadata), **own})

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a network and its metadata from a safetensors file; nothing in it is ever run.

        Raises StorageError if the file cannot be read, NetworkError if it does not hold a whole network.
        """
        arrays, metadata = load_arrays(Path(path))
        try:
            return cls._from_file(arrays, metadata)
        except NetworkError as error:
            raise NetworkError(f"{printable(path)}: not a model of this program: {error}") from None

    @classmethod
    def _from_file(cls, arrays: Mapping[str, NDArray[Any]], metadata: dict[str, Any]) -> Self:
        version, activations = metadata.pop("format_version", None), metadata.pop("activations", None)
        if version != FORMAT_VERSION:
            raise NetworkError(f"format version {FORMAT_VERSION} expected, found {version!r:.20}")
        if not isinstance(activations, list) or not all(isinstance(name, str) for name in activations):
            raise NetworkError("its metadata names no activations")
        weights, biases = ([f"layers.{i}.{x}" for i in range(len(activations))] for x in ("weight", "bias"))
        if set(arrays) not in ({*weights}, {*weights, *biases}):
            raise NetworkError(f"it holds {len(arrays)} tensors that do not name {len(activations)} layers")
        if {array.dtype.name for array in arrays.values()} not in ({"float32"}, {"float64"}):
            raise NetworkError("its tensors must be all float32 or all float64")
        given = [arrays[name] for name in biases] if len(arrays) > len(weights) else None
        network = cls.from_arrays([arrays[name] for name in weights], given, activations)
        network.metadata = metadata
        return network


def _check_known(what: str, name: str, known: Iterable[str]) -> None:
    if name not in known:
        name = printable(repr(name), 60)
        raise NetworkError(f"{what} {name} is not known; choose one of {', '.join(known)}")
