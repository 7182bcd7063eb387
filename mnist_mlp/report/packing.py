"""The network and some digits as text that the page's script unpacks (`digit.js`, unpackNetwork)."""

import base64
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_mlp.nn.blas import Floats
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
            layers, weights, stream = _pack_layers(network, int16=int16)
            unpacked = Network.from_arrays(weights, network.biases, network.activations)
            if int16 and (unpacked.predict(inputs) != answers).any():
                continue
            payload = _compressed(stream + images.tobytes())
            if len(payload) <= _LARGEST:
                return layers, payload
    return [], _compressed(images.tobytes())


def _compressed(stream: bytes) -> str:
    return base64.b64encode(zlib.compress(stream)).decode("ascii")


def _pack_layers(network: Network, *, int16: bool) -> tuple[list[dict[str, Any]], list[Floats], bytes]:
    """What describes each layer, the weights as they will be unpacked, and the packed bytes."""
    layers, weights, parts = [], [], []
    for i, W in enumerate(network.weights):
        if int16:
            largest = np.abs(W).max(axis=1, keepdims=True)
            scales = (np.where(largest > 0, largest, 1) / 32767).astype("<f4")
            whole = np.clip(np.rint(W / scales), -32767, 32767).astype("<i2")
            weights.append((whole * scales).astype(W.dtype))
            # All low bytes, then all high bytes, which zlib makes smaller than pairs of them.
            parts += [whole.view(np.uint8).reshape(-1, 2).T.tobytes(), scales.tobytes()]
        else:
            weights.append(W)
            parts.append(W.astype("<f4").tobytes())
        if network.biases:
            parts.append(network.biases[i].astype("<f4").tobytes())
        shape = {"outputs": W.shape[0], "inputs": W.shape[1]}
        kind = {"int16": int16, "biases": bool(network.biases), "activation": network.activations[i]}
        layers.append({**shape, **kind})
    return layers, weights, b"".join(parts)
