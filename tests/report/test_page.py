import base64
import hashlib
import json
import re
import zlib
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from cards import MORE

from mnist_mlp.digits.images import Digits, scale_pixels
from mnist_mlp.nn.network import Network
from mnist_mlp.report.chart import change_curve, learning_curve, reliability_curve
from mnist_mlp.report.inside import imagine_digits
from mnist_mlp.report.packing import pack
from mnist_mlp.report.page import costs_of_thresholds, render_page
from mnist_mlp.report.scorecard import Scorecard
from mnist_mlp.report.strokes import draw_strokes


@dataclass
class Epoch:
    epoch: int
    accuracy: float
    validation_accuracy: float | None


@pytest.fixture
def network() -> Network:
    return Network([784, 20, 10], biases=True, rng=1)


def page_of(network: Network, digits: Digits, facts: dict[str, Any] | None = None, **more: Any) -> str:
    outputs = network.forward(scale_pixels(digits.images))
    card = Scorecard.from_outputs(digits.labels, outputs, **(facts or {}))
    return render_page(card=card, network=network, digits=digits, **more)


def facts_of(page: str) -> Any:
    found = re.search(r'<script type="application/json" id="facts">(.*?)</script>', page, re.DOTALL)
    assert found
    return json.loads(found[1])


class Elements(HTMLParser):
    """All start tags with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_the_policy_allows_the_page_its_own_scripts_and_nothing_else(
    network: Network, few_test_digits: Digits
) -> None:
    page = page_of(network, few_test_digits)
    policy = next(a["content"] for tag, a in Elements(page).found if a.get("http-equiv"))
    allowed = dict(part.split(" ", 1) for part in (policy or "").split("; "))
    for tag, directive in (("script", "script-src"), ("style", "style-src")):
        texts = re.findall(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts]
        assert allowed.pop(directive).split() == [f"'sha256-{digest}'" for digest in hashes]
    nothing = {"default-src": "'none'", "base-uri": "'none'", "form-action": "'none'"}
    assert allowed == {**nothing, "img-src": "data:"}


def test_nothing_is_asked_of_the_internet_and_nothing_is_styled_or_run_in_attributes(
    network: Network, few_test_digits: Digits
) -> None:
    for _, attributes in Elements(page_of(network, few_test_digits)).found:
        for name, value in attributes.items():
            assert name != "style"
            assert not name.startswith("on")
            if name in {"src", "href"}:
                assert str(value).startswith("data:")


def test_names_and_settings_of_any_kind_stay_text(network: Network, few_test_digits: Digits) -> None:
    bad = "</script><img src=x onerror=alert(1)>\udcff&amp;"
    facts = {"recipe": {"name": bad, bad: bad}, "data": {bad: bad}, "versions": {bad: bad}}
    page = page_of(network, few_test_digits, facts, name=bad)
    page.encode("utf-8")  # which odd file names cannot be
    plain = page_of(network, few_test_digits, {"recipe": {"name": "a", "b": "c"}})
    images = [[tag for tag, _ in Elements(text).found if tag == "img"] for text in (page, plain)]
    assert len(images[0]) == len(images[1])
    assert "onerror=alert(1)&gt;?&amp;amp;" in page


def test_what_is_not_known_is_left_out(network: Network, few_test_digits: Digits) -> None:
    bare = page_of(network, few_test_digits)
    whole = page_of(
        network,
        few_test_digits,
        {"recipe": {"name": "fast"}, "seed": 3},
        history=[Epoch(1, 0.9, None)],
        held_out=few_test_digits[:50],
        name="monday",
    )
    assert "How it learned" not in bare
    assert "Settings" not in bare
    assert "200 test digits" in bare
    assert "How it learned" in whole
    assert "monday · 784-20-10 · recipe fast · seed 3" in whole
    assert "50 held-out digits" in whole


def test_the_headline_has_the_accuracy_and_its_interval(few_test_digits: Digits, network: Network) -> None:
    outputs = np.eye(10)[few_test_digits.labels]
    outputs[:6] = np.eye(10)[(few_test_digits.labels[:6] + 1) % 10]
    card = Scorecard.from_outputs(few_test_digits.labels, outputs)
    page = render_page(card=card, network=network, digits=few_test_digits)
    assert ">97.00<" in page
    assert "194 right, 6 wrong" in page
    assert "between 93.61 and 98.62" in page  # Wilson's formula by hand for 194 of 200


def test_weights_and_pictures_come_back_from_the_payload(network: Network, few_test_digits: Digits) -> None:
    facts = facts_of(page_of(network, few_test_digits))
    stream = zlib.decompress(base64.b64decode(facts["payload"]))
    bytes_of = np.frombuffer(stream, np.uint8)
    start = 0
    for layer, W, b in zip(facts["layers"], network.weights, network.biases or [], strict=True):
        count = layer["outputs"] * layer["inputs"]
        assert (layer["outputs"], layer["inputs"], layer["int16"]) == (*W.shape, True)
        low, high = bytes_of[start : start + count], bytes_of[start + count : start + 2 * count]
        start += 2 * count
        scales = np.frombuffer(stream, "<f4", len(W), start)
        start += 4 * len(W)
        biases = np.frombuffer(stream, "<f4", len(W), start)
        start += 4 * len(W)
        whole = (low + 256 * high.astype(int) + 2**15) % 2**16 - 2**15
        assert np.abs(whole.reshape(W.shape) * scales[:, None] - W).max() <= 0.51 * scales.max()
        assert (biases == b).all()
    index, label, *_ = facts["shown"][0]
    assert (bytes_of[start : start + 784] == few_test_digits.images[index].ravel()).all()
    assert label == few_test_digits.labels[index]
    assert len(stream) == start + 784 * (len(facts["shown"]) + 10)  # and ten that the network imagines


def test_weights_stay_float32_where_int16_would_change_an_answer() -> None:
    """Two outputs that differ by less than int16 can hold beside a weight of 1."""
    W = np.zeros((10, 784), np.float32)
    W[:, 0] = 1
    W[3, 1] = 1e-6
    network = Network.from_arrays([W], activations=["linear"])
    inputs = np.ones((1, 784), np.float32)
    none = np.empty((0, 28, 28), np.uint8)
    assert network.predict(inputs).tolist() == [3]
    packed = pack(network, none, inputs, network.predict(inputs))
    stream = zlib.decompress(base64.b64decode(packed.payload))
    assert [layer["int16"] for layer in packed.layers] == [False]
    assert (np.frombuffer(stream, "<f4").reshape(10, 784) == W).all()


def test_a_network_that_is_too_large_is_left_out(few_test_digits: Digits) -> None:
    network = Network([784, 1200, 10], rng=1)
    page = page_of(network, few_test_digits)
    assert facts_of(page)["layers"] == []
    assert '<section id="draw" hidden>' in page
    assert "This network is too large" in page
    assert len(page) < 1_000_000


def test_of_a_network_with_thousands_of_mistakes_some_of_each_kind_are_shown(mnist_test: Digits) -> None:
    page = page_of(Network([784, 20, 10], rng=1), mnist_test)
    shown = facts_of(page)["shown"]
    wrong = [(label, answer) for _, label, answer, _ in shown if label != answer]
    assert 250 <= len(wrong) <= 340
    assert len(page) < 300_000


def test_costs_of_thresholds_by_hand() -> None:
    outputs = np.zeros((4, 10))
    outputs[0, 1], outputs[1, 2], outputs[2, 3], outputs[3, 4] = 0.9, 0.5, 0.3, 0.301
    costs = costs_of_thresholds(np.array([1, 2, 9, 9]), outputs)
    assert costs[0] == (0, 2)
    assert costs[30] == (0, 2)  # an output that equals the threshold is an answer
    assert costs[31] == (2, 0)
    assert costs[51] == (3, 0)
    assert costs[99] == (4, 0)
    assert len(costs) == 100


def test_outputs_below_zero_leave_all_digits_without_an_answer(few_test_digits: Digits) -> None:
    network = Network.from_arrays([np.full((10, 784), -1.0)], activations=["linear"])
    page = page_of(network, few_test_digits)
    assert facts_of(page)["costs"][0] == [200, 0]
    assert "<td>200</td><td>0</td><td>-</td>" in page


def test_a_dot_is_drawn_on_pixel_14_and_not_enlarged() -> None:
    """A pen 2.4 pixels wide covers the pixel in the middle and most of the four beside it."""
    image = draw_strokes([[(30, 200)]])
    assert image[14, 14] == 255
    assert (image == image.T).all()
    assert image.sum(axis=0) @ np.arange(28) / image.sum() == pytest.approx(14, abs=0.1)  # half a cell
    assert image.sum() / 255 == pytest.approx(np.pi * 1.2**2, rel=0.03)


@pytest.mark.parametrize("size", [0.5, 1.0, 1.4])
@pytest.mark.parametrize("place", [(0, 0), (60, 20)])
def test_strokes_fill_twenty_pixels_wherever_and_however_large_they_are_drawn(
    size: float, place: tuple[float, float]
) -> None:
    line = np.array([(50, 30), (50, 190)]) * size + place
    image = draw_strokes([line])
    rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
    assert (rows[0], rows[-1]) == (4, 24)  # 20 pixels around the middle of pixel 14: half of 4, half of 24
    assert (columns[0], columns[-1]) == (13, 15)


def test_no_strokes_no_ink() -> None:
    assert draw_strokes([]).sum() == 0


def test_the_way_back_through_a_network_by_hand() -> None:
    """Weights that join output k to input k alone lead back to an input that is high at k."""
    W = np.zeros((10, 784))
    W[:, :10] = np.eye(10)
    network = Network.from_arrays([W], activations=["sigmoid"])
    imagined = imagine_digits(network)
    assert imagined is not None
    # ln(0.99 / 0.01) = 4.6 at input k, -4.6 at the nine others, 0 elsewhere: 0.99, 0.01, the middle.
    first = imagined[0].ravel()
    assert first[:3] == pytest.approx([0.99, 0.01, 0.01])
    assert first[10:] == pytest.approx(0.5)
    assert imagine_digits(Network.from_arrays([W], activations=["linear"])) is None


def test_halving_the_mistakes_takes_the_same_height_everywhere() -> None:
    accuracies = [0.8, 0.9, 0.95, 0.975]
    history = [Epoch(i + 1, accuracy, accuracy - 0.01) for i, accuracy in enumerate(accuracies)]
    curve = learning_curve(history, 0.96)
    points = re.search(r'class="training" points="([^"]+)"', curve)
    assert points
    heights = [float(point.split(",")[1]) for point in points[1].split()]
    assert np.diff(heights) == pytest.approx([np.diff(heights)[0]] * 3, abs=0.11)
    assert heights[0] > heights[-1]  # up is better
    assert 'class="held-out"' in curve
    assert "test 96.00 %" in curve


@pytest.mark.parametrize("accuracies", [[1.0], [0.1], [0.0, 1.0], [0.5] * 300])
def test_the_curve_stays_inside_its_frame(accuracies: list[float]) -> None:
    curve = learning_curve([Epoch(i + 1, a, None) for i, a in enumerate(accuracies)], accuracies[-1])
    heights = [float(y) for y in re.findall(r'cy="([^"]+)"', curve)]
    assert all(0 <= height <= 380 for height in heights)
    assert "nan" not in curve


def test_the_curve_marks_the_epoch_that_is_kept() -> None:
    history = [Epoch(1, 0.8, 0.8), Epoch(2, 0.9, 0.95), Epoch(3, 0.95, 0.9)]
    curve = learning_curve(history, 0.93, kept=2)
    places = [float(x) for x in re.findall(r'cx="([^"]+)"', curve)]
    assert places[0] == places[1] > places[2]  # the test accuracy stands at the second of three epochs
    assert f'<path class="dashed" d="M{places[2]:.1f} ' in curve
    assert "the weights of epoch 2 are kept" in curve
    assert "dashed" not in learning_curve(history, 0.93)


def test_what_outputs_are_worth_and_what_is_withstood_is_on_the_page(
    network: Network, few_test_digits: Digits
) -> None:
    page = page_of(network, few_test_digits, {"more": MORE})
    assert "off by 6.25\u00a0% (expected calibration error)" in page
    assert "Right answers by their output: at 0.44 33.33 %, at 0.95 75.00 %" in page
    assert '<th scope="row">0.9 to 1.0</th><td>4</td><td>0.950</td><td>75.00\u00a0%</td>' in page
    assert re.findall(r"<h3>(rotated.*?|blurred.*?)</h3>", page) == ["rotated, degrees", "blurred, pixels"]
    assert 'aria-label="5: 90.00 %, 10: 80.00 %"' in page
    bare = page_of(network, few_test_digits)
    assert "What an output is worth" not in bare
    assert "What it withstands" not in bare


def test_points_stand_at_their_output_and_share() -> None:
    """The square is 332 wide: 380 high less margins of 14 and 34; it begins at 52."""
    curve = reliability_curve(MORE["calibration"])
    found = [tuple(map(float, point)) for point in re.findall(r'cx="([^"]+)" cy="([^"]+)"', curve)]
    expected = [(52 + 332 * 0.4375, 14 + 332 * 2 / 3), (52 + 332 * 0.95, 14 + 332 * 0.25)]
    for point, place in zip(found, expected, strict=True):
        assert point == pytest.approx(place, abs=0.06)


def test_a_change_is_drawn_from_nothing_right_to_all_right() -> None:
    curve = change_curve([(1, 1.0), (2, 0.5), (3, 0.0)], 0.75)
    heights = [float(y) for y in re.findall(r'cy="([^"]+)"', curve)]
    assert heights[1] - heights[0] == heights[2] - heights[1] > 20
    assert f"M0 {(heights[0] + heights[1]) / 2:.1f}H" in curve
    assert re.findall(r">([\d.]+)</text>", curve) == ["100.0", "1", "50.0", "2", "0.0", "3"]
