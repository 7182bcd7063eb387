"""Saving and loading a network; what other programs or an attacker might put into a model file."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from networks import content
from numpy.typing import NDArray

from mnist_mlp import MnistMlpError, Network

Array = NDArray[Any]


@pytest.mark.parametrize("biases", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_saved_network_comes_back(tmp_path: Path, dtype: type, biases: bool) -> None:
    path = tmp_path / "model.safetensors"
    network = Network([6, 5, 4, 3], ["tanh", "relu", "sigmoid"], biases=biases, rng=1, dtype=dtype)
    network.save(path, {"seed": 1})
    loaded = Network.load(path)
    assert (loaded.activations, loaded.metadata) == (network.activations, {"seed": 1})
    assert loaded.dtype == network.dtype == dtype
    assert content(loaded) == content(network)
    loaded.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == path.read_bytes()
    loaded.save(tmp_path / "again", {})
    assert Network.load(tmp_path / "again").metadata == {}


def test_the_file_is_the_same_each_time_and_others_can_read_it(tmp_path: Path) -> None:
    network = Network([6, 5, 3], biases=True, rng=1)
    network.save(tmp_path / "a", {"recipe": "book", "seed": 1})
    network.save(tmp_path / "b", {"seed": 1, "recipe": "book"})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    tensors = safetensors.numpy.load_file(tmp_path / "a")
    assert sorted(tensors) == ["layers.0.bias", "layers.0.weight", "layers.1.bias", "layers.1.weight"]
    np.testing.assert_array_equal(tensors["layers.1.weight"], network.weights[1])


def test_a_networks_own_facts_cannot_be_overwritten(tmp_path: Path) -> None:
    Network([2, 1], rng=1).save(tmp_path / "m", {"activations": ["tanh", "step"], "format_version": 7})
    assert Network.load(tmp_path / "m").activations == ("sigmoid",)


FACTS: dict[str, Any] = {"format_version": 1, "activations": ["sigmoid", "sigmoid"]}
TENSORS: dict[str, Array] = {
    "layers.0.weight": np.ones((3, 2), np.float32),
    "layers.0.bias": np.ones(3, np.float32),
    "layers.1.weight": np.ones((1, 3), np.float32),
    "layers.1.bias": np.ones(1, np.float32),
}


def model_file(facts: object = FACTS, tensors: dict[str, Array] = TENSORS) -> bytes:
    """A model file as some other program might write it."""
    return bytes(safetensors.numpy.save(tensors, {"json": json.dumps(facts)}))


def with_tensor(name: str, *shape: int, value: float = 1.0, dtype: type = np.float32) -> bytes:
    return model_file(FACTS, TENSORS | {name: np.full(shape, value, dtype)})


def without_tensor(name: str) -> bytes:
    return model_file(FACTS, {other: array for other, array in TENSORS.items() if other != name})


def with_facts(**facts: object) -> bytes:
    return model_file(FACTS | facts)


HOSTILE = {
    "missing weight": (without_tensor("layers.1.weight"), "3 tensors that do not name 2 layers"),
    "missing bias": (without_tensor("layers.0.bias"), "3 tensors that do not name 2 layers"),
    "extra tensor": (with_tensor("x", 1), "5 tensors that do not name 2 layers"),
    "layers do not fit": (with_tensor("layers.1.weight", 1, 4), "takes 4 inputs"),
    "NaN": (with_tensor("layers.1.bias", 1, value=np.nan), "finite"),
    "two dtypes": (with_tensor("layers.1.bias", 1, dtype=np.float64), "all float32 or all float64"),
    "integers": (model_file(FACTS, {n: a.astype(int) for n, a in TENSORS.items()}), "all float32 or"),
    "no facts": (model_file({}), "version 1 expected, found None"),
    "a later version": (with_facts(format_version=2), "version 1 expected, found 2"),
    "a long version": (with_facts(format_version="\n" * 10**5), "version 1 expected, found '"),
    "no activations": (model_file({"format_version": 1}), "names no activations"),
    "activations that are a text": (with_facts(activations="sigmoid"), "names no activations"),
    "activations that are no texts": (with_facts(activations=[[], {}]), "names no activations"),
    "an unknown activation": (with_facts(activations=["exec", "sigmoid"]), "'exec' is not known"),
    "a long activation": (with_facts(activations=["\n" * 10**5, "sigmoid"]), "is not known; choose one of"),
    "no layers": (with_facts(activations=[]), "do not name 0 layers"),
    "too many layers": (with_facts(activations=["sigmoid"] * 10**5), "do not name 100000 layers"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_model_file_is_refused_in_one_line(tmp_path: Path, case: str) -> None:
    content, message = HOSTILE[case]
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(MnistMlpError, match=message) as caught:
        Network.load(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: not a model of this program: ")
    assert text.removeprefix(str(path)).isprintable()
    assert len(text) < len(str(path)) + 300
