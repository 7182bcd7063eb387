"""The network and some digits as text that the page's script unpacks (`digit.js`, unpackNetwork)."""

import base64
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_mlp.nn.network import Network

_LARGEST = 2_000_000  # characters; a page with a larger network would open too slowly
_KNOWN = {"sigmoid", "tanh", "relu", "linear", "softmax"}  # activations that digit.js computes


def pack(
    network: Network,
    images: NDArray[np.uint8],
    inputs: NDArray[np.floating],
    answers: NDArray[np.integer[Any]],
) -> tuple[list[dict[str, Any]], str]:
    """Pack a network and pictures, in as few bytes as leave the network's answers as they are.

    Weights become int16 with one float32 scale for each unit; where that would change one of the
    answers, they stay float32.

    Args:
        network: with 784 inputs.
        images: (n, 28, 28), what the page shows.
        inputs: (n, 784), digits for which the answers must stay.
        answers: (n,), the network's answers to them.

    Returns:
        For each layer what `digit.js` must know to unpack and compute it, none where the network is too large
        for a page or has an activation that the script does not know; and one zlib stream in base64: the
        layers, then the pictures, 784 bytes each.
    """
    if set(network.activations) <= _KNOWN:
        for int16 in (True, False):
            if int16 and not _keeps_answers(network, inputs, answers):
                continue
            layers, stream = _pack_layers(network, int16=int16)
            payload = _compressed(stream + images.tobytes())
            if len(payload) <= _LARGEST:
                return layers, payload
    return [], _compressed(images.tobytes())


def _compressed(stream: bytes) -> str:
    return base64.b64encode(zlib.compress(stream)).decode("ascii")


def _keeps_answers(network: Network, inputs: NDArray[np.floating], answers: NDArray[np.integer[Any]]) -> bool:
    rounded = []
    for W in network.weights:
        whole, scales = _rounded(W)
        rounded.append((whole * scales[:, None]).astype(W.dtype))
    after = Network.from_arrays(rounded, network.biases, network.activations)
    return bool((after.predict(inputs) == answers).all())


def _rounded(W: NDArray[np.floating]) -> tuple[NDArray[np.int16], NDArray[np.float32]]:
    """Whole numbers and a scale a row, whose products are nearly the weights."""
    largest = np.abs(W).max(axis=1)
    scales = (np.where(largest > 0, largest, 1) / 32767).astype(np.float32)
    return np.clip(np.rint(W / scales[:, None]), -32767, 32767).astype(np.int16), scales


def _pack_layers(network: Network, *, int16: bool) -> tuple[list[dict[str, Any]], bytes]:
    layers, parts = [], []
    for i, W in enumerate(network.weights):
        if int16:
            whole, scales = _rounded(W)
            low_high = whole.astype("<i2").view(np.uint8).reshape(-1, 2)
            # All low bytes, then all high bytes, which zlib makes smaller than pairs of them.
            parts += [low_high.T.tobytes(), scales.astype("<f4").tobytes()]
        else:
            parts.append(W.astype("<f4").tobytes())
        if network.biases:
            parts.append(network.biases[i].astype("<f4").tobytes())
        shape = {"outputs": W.shape[0], "inputs": W.shape[1]}
        kind = {"int16": int16, "biases": bool(network.biases), "activation": network.activations[i]}
        layers.append({**shape, **kind})
    return layers, b"".join(parts)
