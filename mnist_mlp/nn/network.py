"""The one network class: layers of weights and biases, forwards and back, as matrices."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from mnist_mlp.errors import MnistMlpError, printable
from mnist_mlp.files.arrays import load_arrays, save_arrays
from mnist_mlp.nn.activations import ACTIVATIONS, Activation
from mnist_mlp.nn.blas import Floats, multiply_into
from mnist_mlp.nn.losses import LOSSES, Loss

FORMAT_VERSION = 1
# Rows pass forwards together, fewer through a network so wide that their outputs would fill the memory.
_ROWS_AT_ONCE, _OUTPUTS_AT_ONCE = 1000, 1 << 24


class NetworkError(MnistMlpError):
    """A network that cannot be built, loaded or used as asked."""


class Network:
    """A fully connected network: each layer computes ``activation(inputs @ weights.T + biases)``.

    Args:
        sizes: neurons a layer, the inputs first: ``[784, 200, 10]``.
        activations: one name a layer after the inputs: sigmoid, tanh, relu or linear, for the last layer
            also softmax. All sigmoid if omitted.
        init: how the weights are drawn. ``uniform`` is uniform in [-0.5, 0.5); ``normal-fan-out`` is normal
            with standard deviation 1/sqrt(n_out), ``normal-fan-in`` normal with 1/sqrt(n_in).
        biases: whether the layers have biases; they start at zero.
        rng: a Generator, or a seed for one.
        dtype: float32 or float64, of everything the network computes.

    Raises:
        NetworkError: if sizes, activations or the initialization make no network.
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
            raise NetworkError(
                f"sizes {list(sizes)}: a network needs inputs and a layer, each of at least one neuron"
            )
        if init not in INITIALIZATIONS:
            raise NetworkError(f"init {init!r} is not known; choose one of {', '.join(INITIALIZATIONS)}")
        rng = np.random.default_rng(rng)
        weights = [INITIALIZATIONS[init](rng, n_out, n_in).astype(dtype) for n_in, n_out in pairwise(sizes)]
        self._set(
            weights,
            [np.zeros(n_out, dtype) for n_out in sizes[1:]] if biases else None,
            ["sigmoid"] * len(weights) if activations is None else activations,
        )

    @classmethod
    def from_arrays(
        cls,
        weights: Sequence[ArrayLike],
        biases: Sequence[ArrayLike] | None = None,
        activations: Sequence[str] = ("sigmoid", "sigmoid"),
    ) -> Self:
        """Make a network of given weights (n_out, n_in) and biases (n_out,), one a layer, copied.

        float32 arrays stay float32; anything else becomes float64.

        Raises:
            NetworkError: if the arrays do not fit together or are not finite.
        """
        network = cls.__new__(cls)
        arrays = [np.asarray(array) for array in [*weights, *(biases or [])]]
        dtype = np.float32 if all(array.dtype == np.float32 for array in arrays) else np.float64
        network._set(
            [np.array(W, dtype, order="C") for W in weights],
            None if biases is None else [np.array(b, dtype, order="C") for b in biases],
            activations,
        )
        return network

    def _set(self, weights: list[Floats], biases: list[Floats] | None, activations: Sequence[str]) -> None:
        if unknown := [name for name in activations if name not in ACTIVATIONS]:
            raise NetworkError(
                f"activation {printable(repr(unknown[0]), 60)} is not known; "
                f"choose one of {', '.join(ACTIVATIONS)}"
            )
        if len(activations) != len(weights) or not weights:
            raise NetworkError(f"{len(weights)} layers need as many activations, not {len(activations)}")
        if "softmax" in activations[:-1]:
            raise NetworkError("softmax is for the last layer only")
        if any(W.ndim != 2 or 0 in W.shape for W in weights):
            raise NetworkError("each layer's weights must be a matrix (n_out, n_in)")
        for i, (before, after) in enumerate(pairwise(weights)):
            n_in, n_out = after.shape[1], len(before)
            if n_in != n_out:
                raise NetworkError(f"layer {i + 1} takes {n_in} inputs, but layer {i} has {n_out} neurons")
        if biases is not None and [b.shape for b in biases] != [(len(W),) for W in weights]:
            raise NetworkError("each layer's biases must be one a neuron")
        if weights[0].dtype not in (np.float32, np.float64):
            raise NetworkError(f"a network computes in float32 or float64, not {weights[0].dtype}")
        if not all(np.isfinite(array).all() for array in [*weights, *(biases or [])]):
            raise NetworkError("the weights and biases must be finite numbers")
        self.weights = weights
        self.biases = biases
        self.activations = tuple(activations)

    @property
    def sizes(self) -> list[int]:
        """Neurons a layer, the inputs first."""
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

    def __str__(self) -> str:
        lines = [f"network {'-'.join(map(str, self.sizes))}, {self.dtype}"]
        for i, (W, name) in enumerate(zip(self.weights, self.activations, strict=True)):
            biases = f" + {len(W)} biases" if self.biases else ""
            lines.append(f"  layer {i}: {W.shape[1]} -> {W.shape[0]} {name}, {W.size:,} weights{biases}")
        lines.append(f"  {sum(array.size for array in self.parameters()):,} parameters")
        return "\n".join(lines)

    def forward(self, inputs: ArrayLike) -> Floats:
        """Compute the outputs, (n, n_out), of inputs (n, n_in); huge weights can make some infinite or NaN.

        Raises:
            NetworkError: if the inputs are not a matrix of n_in columns.
        """
        rows = self.as_rows(inputs, self.sizes[0], "inputs")
        outputs = np.empty((len(rows), self.sizes[-1]), self.dtype)
        together = max(1, min(len(rows), _ROWS_AT_ONCE, _OUTPUTS_AT_ONCE // sum(self.sizes[1:])))
        passes = Backpropagation(self, together)
        with np.errstate(over="ignore", invalid="ignore"):
            for first in range(0, len(rows), together):
                chunk = rows[first : first + together]
                outputs[first : first + len(chunk)] = passes.forward(chunk)
        return outputs

    def predict(self, inputs: ArrayLike) -> NDArray[np.intp]:
        """Name, for each row of inputs (n, n_in), the index of its largest output, (n,)."""
        return np.asarray(self.forward(inputs).argmax(axis=1))

    def gradients(
        self, inputs: ArrayLike, targets: ArrayLike, loss: str = "squared-error"
    ) -> tuple[list[Floats], list[Floats] | None]:
        """Compute the gradients of the mean loss of the rows, laid out as weights and biases are.

        Args:
            inputs: (n, n_in), at least one row.
            targets: (n, n_out).
            loss: see `mnist_mlp.nn.losses`.

        Raises:
            NetworkError: if the shapes do not fit, or the loss does not fit the output activation.
        """
        x, t = self.as_batch(inputs, targets)
        passes = Backpropagation(self, len(x))
        passes.forward(x)
        layers = list(passes.backward(t, self.checked_loss(loss)))
        weights: list[Floats] = [np.asarray(delta.T @ y) / len(x) for y, delta in layers]
        biases = [np.asarray(delta.mean(axis=0)) for _, delta in layers]
        return weights, None if self.biases is None else biases

    def checked_loss(self, name: str) -> Loss:
        """Look up a loss by its name and check that it fits the output activation, or raise NetworkError."""
        if name not in LOSSES:
            raise NetworkError(f"loss {name!r} is not known; choose one of {', '.join(LOSSES)}")
        last, fitting = self.activations[-1], LOSSES[name].outputs
        if last not in fitting:
            raise NetworkError(
                f"loss {name!r} needs {' or '.join(fitting)} outputs, but the last layer is {last}"
            )
        return LOSSES[name]

    def as_rows(self, array: ArrayLike, columns: int, what: str) -> Floats:
        """Return the array in the network's dtype, checked to be (n, columns), or raise NetworkError."""
        rows = np.asarray(array, self.dtype)
        if rows.ndim != 2 or rows.shape[1] != columns:
            raise NetworkError(f"{what} of shape {rows.shape} do not fit: this network takes (n, {columns})")
        return rows

    def as_batch(self, inputs: ArrayLike, targets: ArrayLike) -> tuple[Floats, Floats]:
        """Return both in the network's dtype, checked to fit it and each other, or raise NetworkError."""
        x = self.as_rows(inputs, self.sizes[0], "inputs")
        t = self.as_rows(targets, self.sizes[-1], "targets")
        if len(x) != len(t) or not len(x):
            raise NetworkError(
                f"{len(x)} rows of inputs need as many targets, and at least one; got {len(t)}"
            )
        return x, t

    def save(self, path: str | Path, metadata: Mapping[str, Any] | None = None) -> None:
        """Write the network to a safetensors file, whole or not at all.

        Args:
            path: the file.
            metadata: what else the file should tell, as plain JSON values; `load_arrays` reads it back.

        Raises:
            StorageError: if the file cannot be written.
        """
        arrays = {f"layers.{i}.weight": W for i, W in enumerate(self.weights)}
        arrays |= {f"layers.{i}.bias": b for i, b in enumerate(self.biases or [])}
        facts = {"format_version": FORMAT_VERSION, "activations": list(self.activations)}
        save_arrays(Path(path), arrays, {**(metadata or {}), **facts})

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a network from a safetensors file; nothing in it is ever run.

        Raises:
            StorageError: if the file cannot be read.
            NetworkError: if it holds no network, or one that does not fit together.
        """
        arrays, metadata = load_arrays(Path(path))
        try:
            return cls._from_file(arrays, metadata)
        except NetworkError as error:
            raise NetworkError(f"{printable(path)}: not a model of this program: {error}") from None

    @classmethod
    def _from_file(cls, arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any]) -> Self:
        if metadata.get("format_version") != FORMAT_VERSION:
            raise NetworkError(
                f"format version {FORMAT_VERSION} expected, found {metadata.get('format_version')!r:.20}"
            )
        activations = metadata.get("activations")
        if not isinstance(activations, list) or not all(isinstance(name, str) for name in activations):
            raise NetworkError("its metadata names no activations")
        names = [f"layers.{i}.weight" for i in range(len(activations))]
        bias_names = [f"layers.{i}.bias" for i in range(len(activations))]
        if set(arrays) not in ({*names}, {*names, *bias_names}):
            raise NetworkError(f"it holds {len(arrays)} tensors that do not name {len(activations)} layers")
        if {array.dtype for array in arrays.values()} not in ({np.dtype(np.float32)}, {np.dtype(np.float64)}):
            raise NetworkError("its tensors must be all float32 or all float64")
        biases = [arrays[name] for name in bias_names] if len(arrays) > len(names) else None
        return cls.from_arrays([arrays[name] for name in names], biases, activations)


INITIALIZATIONS = {
    "uniform": lambda rng, n_out, n_in: rng.random((n_out, n_in)) - 0.5,
    "normal-fan-out": lambda rng, n_out, n_in: rng.normal(0, n_out**-0.5, (n_out, n_in)),
    "normal-fan-in": lambda rng, n_out, n_in: rng.normal(0, n_in**-0.5, (n_out, n_in)),
}


class Backpropagation:
    """The passes forwards and back, in buffers that are reused from batch to batch.

    Args:
        network: whose weights are used, as they are at each call.
        rows: the most rows a batch can have.
    """

    def __init__(self, network: Network, rows: int) -> None:
        self._network = network
        self._activations: list[Activation] = [ACTIVATIONS[name] for name in network.activations]
        self._outputs = [np.empty((rows, len(W)), W.dtype) for W in network.weights]
        self._deltas = [np.empty_like(outputs) for outputs in self._outputs]
        self._scratch = [np.empty_like(outputs) for outputs in self._outputs]
        self._inputs: Floats = np.empty((0, 0))

    def forward(self, inputs: Floats) -> Floats:
        """Compute the outputs, (n, n_out), of inputs (n, n_in); they last until the next call."""
        network, n = self._network, len(inputs)
        self._inputs = x = inputs
        for i, (W, activation) in enumerate(zip(network.weights, self._activations, strict=True)):
            outputs = self._outputs[i][:n]
            multiply_into(outputs, x, W.T)
            if network.biases:
                outputs += network.biases[i]
            activation.apply(outputs)
            x = outputs
        return x

    def backward(self, targets: Floats, loss: Loss) -> Iterator[tuple[Floats, Floats]]:
        """Propagate the output errors of the last forward pass, through the weights as they are now.

        Returns:
            For each layer, first to last, its inputs (n, n_in) and its deltas (n, n_out): the derivatives of
            each row's loss by the layer's weighted sums.
        """
        weights, n = self._network.weights, len(targets)
        outputs = [array[:n] for array in self._outputs]
        deltas = [array[:n] for array in self._deltas]
        np.subtract(outputs[-1], targets, out=deltas[-1])
        if loss.derivative_backpropagated:
            self._multiply_by_slope(len(weights) - 1, n)
        for i in range(len(weights) - 1, 0, -1):
            multiply_into(deltas[i - 1], deltas[i], weights[i])
            self._multiply_by_slope(i - 1, n)
        if loss.derivative_in_output_layer and not loss.derivative_backpropagated:
            self._multiply_by_slope(len(weights) - 1, n)
        return zip([self._inputs, *outputs[:-1]], deltas, strict=True)

    def _multiply_by_slope(self, i: int, n: int) -> None:
        self._activations[i].multiply_by_slope(
            self._deltas[i][:n], self._outputs[i][:n], self._scratch[i][:n]
        )
