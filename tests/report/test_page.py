import base64
import hashlib
import json
import re
import zlib
from html.parser import HTMLParser
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from cards import MORE
from PIL import Image

from mnist_mlp.digits.images import Digits, scale_pixels
from mnist_mlp.nn.network import Network
from mnist_mlp.report.inside import effect_of_ink, imagine_digits
from mnist_mlp.report.packing import pack
from mnist_mlp.report.page import costs_of_thresholds, render_page
from mnist_mlp.report.picture import BLUE, ORANGE, in_two_colors, ink_on_paper
from mnist_mlp.report.scorecard import Scorecard
from mnist_mlp.report.sections import confusion_table, costs_table
from mnist_mlp.training.history import EpochRecord


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
        history=[EpochRecord(i, 0.3, 0.1, 0.8 + i / 10, None, None, 2.0) for i in (1, 2)],
        kept=1,
        held_out=few_test_digits[:50],
        name="monday",
    )
    assert "How it learned" not in bare
    assert "Settings" not in bare
    assert "200 test digits" in bare
    assert "How it learned" in whole
    assert re.search(
        'src="data:image/svg.xml;base64,[^"]+" alt="Accuracy by epoch, training 90.00\u00a0%, test', whole
    )
    assert "monday · 784-20-10 · recipe fast · seed 3" in whole
    assert "50 held-out digits" in whole


def test_the_headline_has_the_accuracy_and_its_interval(few_test_digits: Digits, network: Network) -> None:
    outputs = np.eye(10)[few_test_digits.labels]
    outputs[:6] = np.eye(10)[(few_test_digits.labels[:6] + 1) % 10]
    card = Scorecard.from_outputs(few_test_digits.labels, outputs)
    page = render_page(card=card, network=network, digits=few_test_digits)
    assert ">97.00<" in page
    assert "194 right, 6 wrong" in page
    assert "from 93.61 to 98.62" in page  # Wilson's formula by hand for 194 of 200


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
    inputs = np.ones((2, 784), np.float32)
    inputs[1, 1] = 0
    none = np.empty((0, 28, 28), np.uint8)
    assert network.predict(inputs).tolist() == [3, 0]
    layers, payload = pack(network, none, inputs, network.predict(inputs))
    stream = zlib.decompress(base64.b64decode(payload))
    assert [layer["int16"] for layer in layers] == [False]
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
    assert 130 <= len(wrong) <= 160
    assert len(page) < 300_000


def test_costs_of_thresholds_by_hand() -> None:
    outputs = np.zeros((4, 10))
    outputs[0, 1], outputs[1, 2], outputs[2, 3], outputs[3, 4] = 0.9, 0.5, 0.3, 0.301
    costs = costs_of_thresholds(np.array([1, 2, 9, 9]), outputs)
    assert costs[0] == (0, 2)
    # At most 0, 1, 2 and 5 % of four digits is none: the largest threshold for that, and 2 of 4 are right.
    row = '<th scope="row">0.30</th><td>0</td><td>2</td><td>50.00 %</td>'
    assert costs_table(costs, 4).count("<tr>") == 1 + costs_table(costs, 4).count(row) == 2
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


def test_pictures_are_as_opaque_as_their_numbers_are_large_above_and_below_zero_in_two_colors() -> None:
    def pixels(url: str) -> list[tuple[int, ...]]:
        picture = Image.open(BytesIO(base64.b64decode(url.removeprefix("data:image/png;base64,"))))
        return [tuple(pixel) for pixel in np.asarray(picture.convert("RGBA"))[0].tolist()]

    raised, half, nothing, lowered = pixels(in_two_colors(np.array([[1.0, 0.5, 0.0, -1.0]])))
    assert (raised, half, lowered) == ((*BLUE, 255), (*BLUE, 127), (*ORANGE, 255))
    assert nothing[3] == 0
    assert pixels(ink_on_paper(np.array([[0, 51, 255]], np.uint8))) == [
        (0, 0, 0, ink) for ink in (0, 51, 255)
    ]


def test_what_a_unit_looks_for_is_its_weights_where_digits_differ() -> None:
    network = Network.from_arrays([np.tile([2.0, -3.0, 4.0, 0.0], (1, 196))], activations=["sigmoid"])
    inputs = np.tile([[0.0, 1.0, 0.7, 0.0], [1.0, 0.0, 0.7, 1.0]], (1, 196))
    # The first two are 1 in half of the digits: a standard deviation of 0.5. The third never changes.
    assert effect_of_ink(network, inputs)[0, 0, :4] == pytest.approx([1, -1.5, 0, 0])


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
    biases = np.full(10, 4.0)  # now 0.6 and -8.6, from which 0 is far: all but the nine are near the high end
    imagined = imagine_digits(Network.from_arrays([W], [biases], activations=["sigmoid"]))
    assert imagined is not None
    low, high = np.log(0.01 / 0.99) - 4, np.log(0.99 / 0.01) - 4
    assert imagined[0].ravel()[[0, 1, 10]] == pytest.approx([0.99, 0.01, 0.01 - 0.98 * low / (high - low)])
    assert imagine_digits(Network.from_arrays([W], activations=["linear"])) is None


def test_what_outputs_are_worth_and_what_is_withstood_is_on_the_page(
    network: Network, few_test_digits: Digits
) -> None:
    page = page_of(network, few_test_digits, {"more": MORE})
    assert "off by 6.25\u00a0% (expected calibration error)" in page
    assert '<th scope="row">0.9 to 1.0</th><td>4</td><td>0.950</td><td>75.00\u00a0%</td>' in page
    assert "; rotated 5 degrees: 90.00\u00a0%; rotated 10 degrees: 80.00\u00a0%; blurred" in page
    bare = page_of(network, few_test_digits)
    assert "What an output is worth" not in bare
    assert "What it withstands" not in bare


def test_cells_of_the_confusion_matrix_are_darker_up_to_32_mistakes() -> None:
    counts = np.zeros((10, 10), np.int64)
    counts[3] = [0, 1, 3, 900, 4, 15, 16, 31, 32, 5000]
    found = Elements(confusion_table(counts)).found
    shades = [str(attributes["class"]) for tag, attributes in found if tag == "td" and attributes]
    assert [shade.removeprefix("wrong-") for shade in shades[30:40]] == [*"012", "right", *"345566"]
