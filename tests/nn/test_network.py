import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mnist_mlp import MnistMlpError, Network
from mnist_mlp.files.arrays import load_arrays
from mnist_mlp.nn.network import NetworkError

Array = NDArray[Any]

WEIGHTS = [np.array([[1.0, -2.0], [0.5, 0.0], [3.0, 1.0]]), np.array([[1.0, 2.0, -1.0]])]
BIASES = [np.array([0.0, 1.0, -1.0]), np.array([0.5])]


# Starts


def test_a_seed_or_its_generator_makes_the_same_network() -> None:
    one, two, other = (Network([7, 5, 3], rng=rng) for rng in (1, np.random.default_rng(1), 2))
    for W, same, different in zip(one.weights, two.weights, other.weights, strict=True):
        np.testing.assert_array_equal(W, same)
        assert np.not_equal(W, different).all()


def test_the_network_of_the_book_is_the_default() -> None:
    network = Network([784, 200, 10], rng=1)
    assert [W.shape for W in network.weights] == [(200, 784), (10, 200)]
    assert network.biases is None
    assert network.activations == ("sigmoid", "sigmoid")
    assert network.dtype == np.float32
    for W in network.weights:
        assert -0.5 <= W.min() < -0.49
        assert 0.49 < W.max() <= 0.5
        assert W.mean() == pytest.approx(0, abs=0.03)
        assert W.std() == pytest.approx(12**-0.5, rel=0.03)  # of a uniform distribution of width 1


@pytest.mark.parametrize(
    ("start", "deviations"), [("normal-fan-out", (0.1, 0.2)), ("normal-fan-in", (0.05, 0.1))]
)
def test_the_normal_starts(start: str, deviations: tuple[float, float]) -> None:
    # 400 inputs, 100 hidden, 25 outputs: 1/sqrt(100) and 1/sqrt(25), or 1/sqrt(400) and 1/sqrt(100)
    network = Network([400, 100, 25], init=start, rng=1)
    for W, deviation in zip(network.weights, deviations, strict=True):
        assert W.std() == pytest.approx(deviation, rel=0.05)
        assert W.mean() == pytest.approx(0, abs=4 * deviation / W.size**0.5)
        within = (abs(W) < deviation).mean()  # 68.3 % of a normal distribution, 57.7 % of a uniform one
        assert within == pytest.approx(0.683, abs=0.03)


def test_biases_start_at_zero_in_the_networks_dtype() -> None:
    network = Network([4, 3, 2], biases=True, rng=1, dtype=np.float64)
    assert network.biases is not None
    assert [b.tolist() for b in network.biases] == [[0, 0, 0], [0, 0]]
    assert {array.dtype for array in network.parameters()} == {np.dtype(np.float64)}


# Networks of given arrays


@pytest.mark.parametrize(
    ("given", "kept"),
    [(np.float32, np.float32), (np.float64, np.float64), (np.float16, np.float64), (np.int64, np.float64)],
)
def test_from_arrays_keeps_the_dtype(given: type, kept: type) -> None:
    network = Network.from_arrays([W.astype(given) for W in WEIGHTS])
    assert network.dtype == kept
    assert network.forward([[1.0, 2.0]]).dtype == kept


def test_from_arrays_takes_one_dtype_for_all() -> None:
    network = Network.from_arrays([WEIGHTS[0].astype(np.float32), WEIGHTS[1]], BIASES)
    assert {array.dtype for array in network.parameters()} == {np.dtype(np.float64)}


def test_from_arrays_and_copy_copy() -> None:
    weights, biases = [W.copy() for W in WEIGHTS], [b.copy() for b in BIASES]
    network = Network.from_arrays(weights, biases)
    other = network.copy()
    for array in [*weights, *biases, *other.parameters()]:
        np.add(array, 1, out=array)
    for array, expected in zip(network.parameters(), [*WEIGHTS, *BIASES], strict=True):
        np.testing.assert_array_equal(array, expected)
    assert other.activations == network.activations


def test_arrays_in_any_memory_order() -> None:
    transposed = [np.asfortranarray(W) for W in WEIGHTS]
    network = Network.from_arrays(transposed)
    assert all(W.flags.c_contiguous for W in network.weights)
    np.testing.assert_array_equal(network.forward([[1, 2]]), Network.from_arrays(WEIGHTS).forward([[1, 2]]))


def test_a_network_describes_itself() -> None:
    network = Network([784, 200, 10], ["tanh", "softmax"], biases=True, rng=1)
    assert str(network).splitlines() == [
        "network 784-200-10, float32",
        "  layer 0: 784 -> 200 tanh, 156,800 weights + 200 biases",
        "  layer 1: 200 -> 10 softmax, 2,000 weights + 10 biases",
        "  159,010 parameters",
    ]
    assert str(Network([2, 1], rng=1)).splitlines()[1] == "  layer 0: 2 -> 1 sigmoid, 2 weights"


# Forwards


def test_forward_by_hand() -> None:
    # Inputs 2, 1: hidden sums 2-2+0 = 0, 1+0+1 = 2, 6+1-1 = 6; ReLU leaves them; out 0+4-6+0.5 = -1.5.
    # Inputs -1, 0: -1, 0.5, -4; ReLU 0, 0.5, 0; out 1 + 0.5 = 1.5.
    network = Network.from_arrays(WEIGHTS, BIASES, ["relu", "linear"])
    assert network.forward([[2, 1], [-1, 0]]).tolist() == [[-1.5], [1.5]]


def test_forward_takes_little_memory_however_wide_the_network() -> None:
    wide = [np.ones((1, 4)), np.ones((1_000_000, 1)), np.full((2, 1_000_000), 1e-6)]
    network = Network.from_arrays(wide, None, ["linear", "linear", "linear"])
    tracemalloc.start()
    try:
        outputs = network.forward(np.ones((40, 4)))  # 320 MB of hidden outputs
        assert tracemalloc.get_traced_memory()[1] < 5 * 2**27  # three buffers of 128 MB
    finally:
        tracemalloc.stop()
    np.testing.assert_allclose(outputs, 4)


def test_forward_over_several_chunks_and_over_no_rows() -> None:
    network = Network([5, 4, 3], rng=1, dtype=np.float64)
    rows = np.random.default_rng(0).normal(size=(2500, 5))
    hidden = 1 / (1 + np.exp(-rows @ network.weights[0].T))
    expected = 1 / (1 + np.exp(-hidden @ network.weights[1].T))
    np.testing.assert_allclose(network.forward(rows), expected, rtol=1e-12)
    assert network.predict(rows).tolist() == expected.argmax(axis=1).tolist()
    assert network.forward(rows[:0]).shape == (0, 3)
    assert network.predict(rows[:0]).shape == (0,)


# Mistakes


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Network([5], rng=1), "needs inputs and at least one layer"),
        (lambda: Network([5, 0, 2], rng=1), r"sizes \[5, 0, 2\]"),
        (lambda: Network([5, 2], init="zero", rng=1), "init 'zero' is not known; choose one of uniform, "),
        (lambda: Network([5, 2], ["step"], rng=1), "activation 'step' is not known; choose one of sigmoid, "),
        (lambda: Network([5, 2], ["tanh", "tanh"], rng=1), "1 layers need as many activations, not 2"),
        (lambda: Network([5, 2], rng=1, dtype=np.int32), "computes in float32 or float64, not int32"),
        (lambda: Network([5, 2], rng=1, dtype=np.float16), "float32 or float64, not float16"),
        (lambda: Network([5, 4, 2], ["softmax", "softmax"], rng=1), "softmax is for the last layer only"),
        (lambda: Network.from_arrays([], activations=[]), "0 layers"),
        (lambda: Network.from_arrays([[1.0, 2.0]], activations=["tanh"]), "must be a matrix"),
        (lambda: Network.from_arrays([np.ones((0, 2))], activations=["tanh"]), "must be a matrix"),
        (
            lambda: Network.from_arrays([np.ones((3, 2)), np.ones((1, 4))]),
            "layer 1 takes 4 inputs.* 3 units",
        ),
        (lambda: Network.from_arrays(WEIGHTS, BIASES[:1]), "biases must be one a unit"),
        (lambda: Network.from_arrays(WEIGHTS, [np.ones(2), np.ones(1)]), "biases must be one a unit"),
        (lambda: Network.from_arrays([*WEIGHTS[:1], [[1, np.nan, 2]]]), "must be finite"),
        (lambda: Network.from_arrays(WEIGHTS, [np.ones(3), [np.inf]]), "must be finite"),
    ],
)
def test_what_makes_no_network_is_told(build: Callable[[], Network], message: str) -> None:
    with pytest.raises(NetworkError, match=message):
        build()


def test_rows_that_do_not_fit_are_told() -> None:
    network = Network([3, 2], rng=1)
    for rows in (np.ones(3), np.ones((4, 2)), np.ones((1, 1, 3)), 5):
        with pytest.raises(NetworkError, match=r"inputs of shape .* do not fit: this network takes \(n, 3\)"):
            network.forward(rows)
    with pytest.raises(NetworkError, match=r"targets of shape \(4, 3\)"):
        network.gradients(np.ones((4, 3)), np.ones((4, 3)))
    with pytest.raises(NetworkError, match="4 samples of inputs need as many targets"):
        network.gradients(np.ones((4, 3)), np.ones((5, 2)))
    with pytest.raises(NetworkError, match="at least one sample"):
        network.gradients(np.ones((0, 3)), np.ones((0, 2)))


@pytest.mark.parametrize(
    ("loss", "output"),
    [
        *(
            (loss, output)
            for loss in ("cross-entropy", "raw-error")
            for output in ("tanh", "relu", "linear", "softmax")
        ),
        *(("softmax-cross-entropy", output) for output in ("sigmoid", "tanh", "relu", "linear")),
        ("squared-error", "softmax"),
    ],
)
def test_losses_that_do_not_fit_the_outputs(loss: str, output: str) -> None:
    with pytest.raises(NetworkError, match=f"loss '{loss}' needs .* outputs, not {output}"):
        Network([3, 2], [output], rng=1).gradients(np.ones((1, 3)), np.ones((1, 2)), loss)


def test_an_unknown_loss() -> None:
    with pytest.raises(NetworkError, match="loss 'hinge' is not known; choose one of squared-error, "):
        Network([3, 2], rng=1).gradients(np.ones((1, 3)), np.ones((1, 2)), "hinge")


# Files


@pytest.mark.parametrize("biases", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_saved_network_comes_back(tmp_path: Path, dtype: type, biases: bool) -> None:
    path = tmp_path / "model.safetensors"
    network = Network([6, 5, 4, 3], ["tanh", "relu", "sigmoid"], biases=biases, rng=1, dtype=dtype)
    network.save(path, {"seed": 1})
    loaded = Network.load(path)
    assert loaded.activations == network.activations
    for array, expected in zip(loaded.parameters(), network.parameters(), strict=True):
        assert array.dtype == dtype
        np.testing.assert_array_equal(array, expected)
    assert load_arrays(path)[1]["seed"] == 1


def test_the_file_is_the_same_each_time_and_others_can_read_it(tmp_path: Path) -> None:
    network = Network([6, 5, 3], biases=True, rng=1)
    paths = [tmp_path / name for name in ("a", "b", "c")]
    network.save(paths[0], {"recipe": "book", "seed": 1})
    network.save(paths[1], {"seed": 1, "recipe": "book"})
    Network.load(paths[0]).save(paths[2], {"seed": 1, "recipe": "book"})
    assert len({path.read_bytes() for path in paths}) == 1
    shapes = {name: array.shape for name, array in safetensors.numpy.load_file(paths[0]).items()}
    assert shapes == {
        "layers.0.weight": (5, 6),
        "layers.0.bias": (5,),
        "layers.1.weight": (3, 5),
        "layers.1.bias": (3,),
    }


def test_a_networks_own_facts_cannot_be_overwritten(tmp_path: Path) -> None:
    Network.from_arrays(WEIGHTS).save(tmp_path / "m", {"activations": ["tanh", "step"], "format_version": 7})
    assert Network.load(tmp_path / "m").activations == ("sigmoid", "sigmoid")


FACTS: dict[str, Any] = {"format_version": 1, "activations": ["sigmoid", "sigmoid"]}
TENSORS: dict[str, Array] = {
    "layers.0.weight": np.ones((3, 2), np.float32),
    "layers.0.bias": np.ones(3, np.float32),
    "layers.1.weight": np.ones((1, 3), np.float32),
    "layers.1.bias": np.ones(1, np.float32),
}


def model_file(facts: object = FACTS, changed: dict[str, Array] | None = None, without: str = "") -> bytes:
    """A model file as some other program might write it."""
    tensors = {name: array for name, array in (TENSORS | (changed or {})).items() if name != without}
    return bytes(safetensors.numpy.save(tensors, {"json": json.dumps(facts)}))


HOSTILE = {
    "missing weight": (model_file(without="layers.1.weight"), "3 tensors that do not name 2 layers"),
    "missing bias": (model_file(without="layers.0.bias"), "3 tensors that do not name 2 layers"),
    "extra tensor": (model_file(changed={"x": np.ones(1, np.float32)}), "5 tensors"),
    "layers do not fit": (
        model_file(changed={"layers.1.weight": np.ones((1, 4), np.float32)}),
        "takes 4 inputs",
    ),
    "a bias too long": (model_file(changed={"layers.0.bias": np.ones(4, np.float32)}), "one a unit"),
    "a weight that is no matrix": (
        model_file(changed={"layers.0.weight": np.ones(6, np.float32)}),
        "a matrix",
    ),
    "an empty weight": (model_file(changed={"layers.0.weight": np.ones((3, 0), np.float32)}), "a matrix"),
    "NaN": (model_file(changed={"layers.1.bias": np.array([np.nan], np.float32)}), "finite"),
    "infinite": (model_file(changed={"layers.1.bias": np.array([np.inf], np.float32)}), "finite"),
    "int": (
        model_file(changed={name: array.astype(int) for name, array in TENSORS.items()}),
        "all float32 or",
    ),
    "two dtypes": (model_file(changed={"layers.1.bias": np.ones(1)}), "all float32 or all float64"),
    "no facts": (model_file({}), "version 1 expected, found None"),
    "a later version": (model_file(FACTS | {"format_version": 2}), "version 1 expected, found 2"),
    "a long version": (model_file(FACTS | {"format_version": "\n" * 10**5}), "version 1 expected, found '"),
    "a deep version": (model_file(FACTS | {"format_version": [[[[[]]]]]}), "version 1 expected, found "),
    "no activations": (model_file({"format_version": 1}), "names no activations"),
    "activations that are a text": (model_file(FACTS | {"activations": "sigmoid"}), "names no activations"),
    "activations that are no texts": (model_file(FACTS | {"activations": [[], {}]}), "names no activations"),
    "an unknown activation": (
        model_file(FACTS | {"activations": ["exec", "sigmoid"]}),
        "'exec' is not known",
    ),
    "a long activation": (model_file(FACTS | {"activations": ["\x1b[31m" * 10**4] * 2}), "is not known"),
    "no layers": (model_file(FACTS | {"activations": []}), "do not name 0 layers"),
    "too many layers": (
        model_file(FACTS | {"activations": ["sigmoid"] * 10**5}),
        "do not name 100000 layers",
    ),
    "softmax first": (model_file(FACTS | {"activations": ["softmax", "sigmoid"]}), "last layer only"),
    "truncated": (model_file()[:-1], "is broken"),
    "no metadata": (bytes(safetensors.numpy.save(TENSORS)), "is broken"),
    "empty": (b"", "is broken"),
}


def test_the_file_that_the_hostile_ones_are_made_from_loads(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(model_file())
    assert Network.load(tmp_path / "m").sizes == [2, 3, 1]


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_model_file_is_refused_in_one_line(tmp_path: Path, case: str) -> None:
    content, message = HOSTILE[case]
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(MnistMlpError, match=message) as caught:
        Network.load(path)
    text = str(caught.value)
    assert text.startswith(str(path))
    assert text.removeprefix(str(path)).isprintable()
    assert len(text) < len(str(path)) + 300


def test_an_absent_model_and_a_strange_name(tmp_path: Path) -> None:
    with pytest.raises(MnistMlpError, match="cannot be read"):
        Network.load(tmp_path / "absent")
    (tmp_path / "red\x1b[31m").write_bytes(model_file({}))
    with pytest.raises(NetworkError) as caught:
        Network.load(tmp_path / "red\x1b[31m")
    assert str(caught.value).isprintable()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=6,
)
NAMES = [*TENSORS, "layers.2.weight", "layers.-1.weight", "x"]
SHAPES = [(), (0,), (1,), (3,), (3, 2), (1, 3), (2, 3), (1, 3, 1)]


@settings(max_examples=150, deadline=None)
@given(
    st.fixed_dictionaries(
        {"format_version": st.just(1) | JSON},
        optional={"activations": st.lists(st.sampled_from(["sigmoid", "softmax", "x"])) | JSON},
    ),
    st.dictionaries(st.sampled_from(NAMES), st.sampled_from(SHAPES)),
    st.sampled_from([np.float32, np.float64, np.int64, np.float16]),
)
def test_any_file_of_tensors_loads_or_is_refused(
    tmp_path_factory: pytest.TempPathFactory, facts: object, shapes: dict[str, tuple[int, ...]], dtype: type
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.safetensors"
    path.write_bytes(model_file(facts, {name: np.ones(shape, dtype) for name, shape in shapes.items()}))
    try:
        network = Network.load(path)
    except MnistMlpError:
        return
    assert np.isfinite(network.forward(np.ones((2, network.sizes[0])))).all()
