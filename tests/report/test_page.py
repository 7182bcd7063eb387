import base64
import hashlib
import json
import re
import zlib
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from cards import FACTS, MORE, card_for
from numpy.typing import NDArray
from PIL import Image

from mnist_mlp.digits.images import Digits, scale_pixels
from mnist_mlp.nn.network import Network
from mnist_mlp.report import sections
from mnist_mlp.report.inside import as_pixels, imagine_digits
from mnist_mlp.report.packing import pack
from mnist_mlp.report.page import costs_of_thresholds, render_page
from mnist_mlp.report.picture import BLUE, ORANGE, in_two_colors, ink_on_paper, tiled
from mnist_mlp.report.scorecard import Scorecard, percent
from mnist_mlp.report.tables import calibration_table, digits_table
from mnist_mlp.training.history import EpochRecord


@pytest.fixture
def network() -> Network:
    return Network([784, 20, 15, 10], biases=True, rng=1)


def page_of(network: Network, digits: Digits, facts: dict[str, Any] | None = None, **more: Any) -> str:
    outputs = network.forward(scale_pixels(digits.images))
    card = Scorecard.from_outputs(digits.labels, outputs, **(facts or {}))
    return render_page(card=card, network=network, digits=digits, **more)


def facts_of(page: str) -> Any:
    found = re.search(r'<script type="application/json" id="facts">(.*?)</script>', page, re.DOTALL)
    assert found
    return json.loads(found[1])


def test_the_policy_allows_the_page_its_own_scripts_and_nothing_else(
    network: Network, few_test_digits: Digits
) -> None:
    page = page_of(network, few_test_digits)
    policy = re.findall('http-equiv="Content-Security-Policy" content="(.*?)"', page)
    allowed = dict(part.split(" ", 1) for part in policy[0].split("; "))
    for tag, directive in (("script", "script-src"), ("style", "style-src")):
        texts = re.findall(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts]
        assert allowed.pop(directive).split() == [f"'sha256-{digest}'" for digest in hashes]
    nothing = {"default-src": "'none'", "base-uri": "'none'", "form-action": "'none'"}
    assert allowed == {**nothing, "img-src": "data:"}


def test_nothing_is_asked_of_the_internet_and_nothing_is_styled_or_run_in_attributes(
    network: Network, few_test_digits: Digits
) -> None:
    page = re.sub("<(script|style).*?</", "", page_of(network, few_test_digits), flags=re.DOTALL)
    tags = re.findall("<[a-z][^>]*>", page)
    assert len(tags) > 500
    for tag in tags:
        assert not re.search(r"\s(style|on[a-z]+)=", tag)
        assert all(url.startswith('"data:') for url in re.findall(r"\s(?:src|href)=(\S+)", tag))


def test_names_and_settings_of_any_kind_stay_text(network: Network, few_test_digits: Digits) -> None:
    bad = "</script><img src=x onerror=alert(1)>\udcff&amp;"
    facts = {"recipe": {"name": bad, bad: bad}, "data": {bad: bad}, "versions": {bad: bad}}
    page = page_of(network, few_test_digits, facts, name=bad)
    page.encode("utf-8")  # which odd file names cannot be
    assert "onerror=alert(1)&gt;?&amp;amp;" in page
    assert "<img src=x" not in page


def test_the_page_has_each_section_of_the_run(network: Network, few_test_digits: Digits) -> None:
    inputs, imagined = scale_pixels(few_test_digits.images), imagine_digits(network)
    history = [EpochRecord(i, 0.3, 0.1, 0.8 + i / 10, None, None, 2.0) for i in (1, 2)]
    outputs = network.forward(inputs)
    card = Scorecard.from_outputs(few_test_digits.labels, outputs, **{**FACTS, "seed": 0}, more=MORE)
    run: dict[str, Any] = {"history": history, "kept": 1, "held_out": few_test_digits[50:], "threshold": 0.25}
    page = render_page(card=card, network=network, digits=few_test_digits, name="monday", **run)
    facts, wrong = facts_of(page), card.total - card.correct
    shown, costs = facts["shown"], costs_of_thresholds(few_test_digits.labels[50:], outputs[50:])
    assert (facts["threshold"], [tuple(cost) for cost in facts["costs"]]) == (0.25, costs)
    low, high = (percent(share) for share in card.confidence_interval)
    for part in (
        f"<title>{percent(card.accuracy)} of digits read right</title>",
        '<p class="run">monday · 784-20-15-10 · recipe tutorial · seed 0</p>',
        f"of {card.total} test digits are read right by this network",
        f'"note">{card.correct} right, {wrong} wrong. The 95&nbsp;% ',
        f"confidence interval goes from {low[:-2]} to {high}:",
        "<h3>35 hidden units respond</h3>",
        'data-scored="150 held-out digits" data-total="150"',
        sections.costs_table(costs, 150),
        sections.confusion_table(card.confusion),
        sections.mistakes(shown, few_test_digits.images),
        sections.units(network, inputs),
        sections.imagined(imagined, len(shown), inputs),
        sections.curve(history, card.accuracy, 1),
        sections.worth(card),
        sections.withstands(card),
        sections.table(*digits_table(card), "numbers"),
        sections.settings(card),
    ):
        assert part.replace(" %", "\u00a0%") in page
    assert sections.TOO_LARGE not in page
    assert "$" not in re.sub("<script.*", "", page, flags=re.DOTALL)
    bare = page_of(network, few_test_digits, held_out=few_test_digits[:0])
    assert '<p class="run">784-20-15-10</p>' in bare
    assert 'data-scored="200 test digits" data-total="200"' in bare
    for part in ("How it learned", "What an output is worth", "What it withstands", "Settings"):
        assert part in page
        assert part not in bare


def test_the_headline_has_the_accuracy_and_its_interval() -> None:
    headline = sections.headline(card_for([1] * 2000, [1] * 1940 + [2] * 60))
    assert headline == {
        **{"accuracy": "97.00", "total": "2,000", "right": "1,940", "wrong": "60"},
        **{"low": "96.16", "high": "97.66 %"},  # Wilson's formula by hand for 1940 of 2000
    }


def test_weights_and_pictures_come_back_from_the_payload(network: Network, few_test_digits: Digits) -> None:
    network.weights[0][3] = 0  # a unit of which nothing is left
    facts = facts_of(page_of(network, few_test_digits))
    stream = zlib.decompress(base64.b64decode(facts["payload"]))
    bytes_of = np.frombuffer(stream, np.uint8)
    start = 0
    for layer, W, b in zip(facts["layers"], network.weights, network.biases or [], strict=True):
        count = layer["outputs"] * layer["inputs"]
        shape = {"outputs": len(W), "inputs": W.shape[1]}
        assert layer == {**shape, "int16": True, "biases": True, "activation": "sigmoid"}
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
    biases = np.full(10, 0.25, np.float32)
    network = Network.from_arrays([W], [biases], activations=["linear"])
    inputs = np.ones((2, 784), np.float32)
    inputs[1, 1] = 0
    none = np.empty((0, 28, 28), np.uint8)
    assert network.predict(inputs).tolist() == [3, 0]
    layers, payload = pack(network, none, inputs, network.predict(inputs))
    stream = zlib.decompress(base64.b64decode(payload))
    assert [layer["int16"] for layer in layers] == [False]
    assert np.frombuffer(stream, "<f4").tolist() == [*W.ravel(), *biases]
    for activation in ("sigmoid", "tanh", "relu", "softmax", "open-softmax"):
        kinds = ["tanh", activation]
        layers, _ = pack(
            Network.from_arrays([W, np.eye(10)], None, kinds), none, inputs[:0], np.empty(0, int)
        )
        assert [layer["activation"] for layer in layers] == kinds * (activation != "open-softmax")


def test_a_network_that_is_too_large_is_left_out(few_test_digits: Digits) -> None:
    network = Network([784, 1200, 10], rng=1)
    page = page_of(network, few_test_digits)
    facts = facts_of(page)
    assert facts["layers"] == []
    assert len(zlib.decompress(base64.b64decode(facts["payload"]))) == 784 * (len(facts["shown"]) + 10)
    assert '<section id="draw" hidden>' in page
    assert "This network is too large" in page
    assert len(page) < 1_000_000


def test_of_a_network_with_many_mistakes_as_many_of_each_kind_are_shown_as_fit(mnist_test: Digits) -> None:
    network = Network([784, 20, 10], rng=1)
    outputs = network.forward(scale_pixels(mnist_test.images[:300]))
    answers = [
        (i, int(mnist_test.labels[i]), int(y.argmax()), round(float(y.max()), 4))
        for i, y in enumerate(outputs)
    ]

    def of_each(limit: int, ordered: list[tuple[int, int, int, float]]) -> list[tuple[int, int, int, float]]:
        kinds = [one[1:3] for one in ordered]
        return [one for i, one in enumerate(ordered) if kinds[:i].count(kinds[i]) < limit]

    with_160_mistakes = [one[0] for one in answers if one[1] != one[2]][159] + 1
    for count in (300, with_160_mistakes):
        shown = facts_of(page_of(network, mnist_test[:count]))["shown"]
        some = sorted(answers[:count], key=lambda one: outputs[one[0]].max())
        wrong, right = (
            [one for one in some[::-1] if one[1] != one[2]],
            [one for one in some if one[1] == one[2]],
        )
        limit = max(n for n in range(1, 100) if len(of_each(n, wrong)) <= 160)
        assert [tuple(one) for one in shown] == of_each(limit, wrong) + of_each(5, right)
        assert (limit == 99) == (count == with_160_mistakes)


def test_costs_of_thresholds_by_hand() -> None:
    outputs = np.zeros((4, 10))
    outputs[0, 1], outputs[1, 2], outputs[2, 3], outputs[3, 4] = 0.9, 0.5, 0.3, 0.301
    costs = costs_of_thresholds(np.array([1, 2, 9, 9]), outputs)
    # An output that equals the threshold is an answer.
    assert costs == [(0, 2)] * 31 + [(2, 0)] * 20 + [(3, 0)] * 40 + [(4, 0)] * 9
    # At most 0, 1, 2 and 5 % of four digits is none: the largest threshold for that, and 2 of 4 are right.
    heads = ("below", "no answer", "wrong", "right")
    assert sections.costs_table(costs, 4) == sections.table(heads, [("0.30", 0, 2, "50.00 %")], "numbers")
    wrong = {0: 5000, 1: 4900, 1000: 4000, 1001: 3900, 2000: 3000, 2001: 2900, 5000: 2000, 5001: 1900}
    rows = [("0.00", 0, "5,000", "95.00 %"), ("0.02", "1,000", "4,000", "95.96 %")]  # 1 - 4 / 99
    rows += [("0.04", "2,000", "3,000", "96.94 %"), ("0.06", "5,000", "2,000", "97.89 %")]  # 3 / 98, 2 / 95
    assert sections.costs_table(list(wrong.items()), 100_000) == sections.table(heads, rows, "numbers")
    without = sections.costs_table([(7, 0)], 7)  # outputs below 0 leave all without an answer
    assert without == sections.table(heads, [("0.00", 7, 0, "-")], "numbers")


def pixels(url: str) -> NDArray[np.uint8]:
    """Red, green, blue and opacity of a picture."""
    picture = Image.open(BytesIO(base64.b64decode(url.removeprefix("data:image/png;base64,"))))
    return np.asarray(picture.convert("RGBA"))


def test_pictures_are_as_opaque_as_their_numbers_are_large_above_and_below_zero_in_two_colors() -> None:
    shown = pixels(in_two_colors(np.array([[1.3, 1.0, 0.38, 0.12, -0.13, -1.0, -1.1]])))[0].tolist()
    opacities = [255, 255, 127, 0, 63, 255, 255]
    assert shown == [[*(BLUE if i < 4 else ORANGE), opacity] for i, opacity in enumerate(opacities)]
    ink = pixels(ink_on_paper(np.array([[0, 8, 9, 51, 255]], np.uint8)))[0].tolist()
    assert ink == [[0, 0, 0, opacity] for opacity in (0, 0, 17, 51, 255)]


def test_pictures_of_units_stand_twenty_in_a_row() -> None:
    assert tiled(np.arange(1.0, 22).reshape(21, 1, 1)).tolist() == [[*range(1, 21)], [21] + [0] * 19]
    W = np.zeros((21, 784))
    W[0, 0], W[1:20, 1], W[20, 2] = -1, 2, 2  # times the standard deviations: -1/4, 1 and 1
    inputs = np.stack([np.zeros(784), np.ones(784)])
    inputs[1, 0] = 0.5
    html = sections.units(Network.from_arrays([W, np.zeros((10, 21))]), inputs)
    assert html.endswith(
        ' width="560" height="56" alt="21 small pictures, one for each hidden unit, with blue where ink '
        'raises it and orange where ink lowers it"><canvas id="unit-cover" width="1120" height="112" '
        'aria-hidden="true"></canvas></div>'
    )
    seen = pixels(re.findall('src="(.*?)"', html)[0])
    # 1.3 times the root of strength / median strength: 0.65 for a strength of 1/4, and 1.3 for the others.
    assert seen[0, 0].tolist() == [*ORANGE, 191]
    assert (seen[0, 29].tolist(), seen[28, 2].tolist()) == ([*BLUE, 255], [*BLUE, 255])
    assert np.count_nonzero(seen[..., 3]) == 21
    many = Network.from_arrays([np.ones((401, 784)), np.zeros((10, 401))])
    assert 'height="560" alt="400 small pictures' in sections.units(many, inputs)


def test_what_is_imagined_differs_from_the_average_of_all_ten() -> None:
    signals = np.full((10, 784), 0.5)
    signals[np.arange(10), np.arange(10)] = [0.6] * 5 + [0.9] * 5  # each digit in a pixel of its own
    signals[0, 10] = 0.99  # where no digit has ink
    inputs = np.stack([np.zeros(784), np.ones(784)])
    inputs[:, 10] = 0
    html = sections.imagined(signals.reshape(10, 28, 28), 40, inputs)
    for digit, tile in enumerate(html.split("<li>")[1:]):
        assert f'data-digit="{40 + digit}"' in tile
        assert f"<b>{digit}</b>" in tile
        # The average has 0.04 in the strong pixels and 0.01 in the weak ones; that is little beside 0.36.
        difference = np.zeros((28, 28))
        difference[0, :10] = np.eye(10)[digit] - 4 / 9 * (digit < 5) * (np.arange(10) > 4)
        pictures = [ink_on_paper(as_pixels(signals[digit].reshape(28, 28))), in_two_colors(difference)]
        assert re.findall('src="(.*?)"', tile) == pictures
    assert sections.imagined(None, 40, inputs) == "<p>This is known for sigmoid layers only.</p>"
    every = np.arange(784).astype(np.uint8)
    assert (as_pixels(scale_pixels(every[None])[0]) == every).all()
    assert as_pixels(np.array([-1.0, 1.2])).tolist() == [0, 255]


def test_the_way_back_goes_through_all_layers(network: Network) -> None:
    for bias in network.biases or []:
        bias[:] = np.linspace(-1, 1, len(bias))
    for each in (network, Network([784, 20, 10], rng=2)):
        imagined = imagine_digits(each)
        assert imagined is not None
        for digit in (0, 7):
            signal = np.where(np.arange(10) == digit, 0.99, 0.01)
            for W, b in zip(each.weights[::-1], (each.biases or [np.zeros(1)] * 2)[::-1], strict=True):
                back = W.T.astype(float) @ (np.log(signal / (1 - signal)) - b)
                signal = 0.01 + 0.98 * (back - back.min()) / (back.max() - back.min())
            np.testing.assert_allclose(imagined[digit].ravel(), signal, rtol=1e-5)
    nothing = imagine_digits(Network.from_arrays([np.zeros((10, 784))], activations=["sigmoid"]))
    assert (np.asarray(nothing) == 0.01).all()
    for activations in (["relu", "sigmoid"], ["sigmoid", "linear"]):
        assert imagine_digits(Network([784, 5, 10], activations, rng=1)) is None


def svg(html: str) -> tuple[str, str]:
    """What stands in the picture of a section, and the section around it."""
    before, picture, after = re.split('(?<=svg.xml;base64,)(.*?)(?=")', html)
    return base64.b64decode(picture).decode(), before + after


def test_what_an_output_is_worth_and_what_is_withstood_is_told() -> None:
    card = card_for([1] * 20, [1] * 19 + [2], more=MORE)
    picture, html = svg(sections.withstands(card))
    assert "gray line: 95.00 % on the digits as they are<" in picture
    assert html == (
        '<section id="withstands"><h2>What it withstands</h2><p class="note">The test digits again, each '
        "changed in one way, by more and more: how many are still read right.</p>"
        '<div class="wide" tabindex="0"><img class="curve" src="data:image/svg+xml;base64," '
        'alt="What it withstands; rotated 5 degrees: 90.00 %; rotated 10 degrees: 80.00 %; '
        'blurred 0.5 pixels: 70.00 %"></div></section>'
    )
    picture, html = svg(sections.worth(card))
    assert html == (
        '<section id="worth"><h2>What an output is worth</h2><p class="note">Of the answers with an output '
        "of about 0.9, nine of ten should be right (dashed). The points show how many are, in ten groups by "
        "output, with 95 % confidence intervals: above the line, the network is right more often than its "
        "outputs say. On average the outputs are off by 6.25 % (expected calibration error).</p>"
        '<div class="beside"><img class="curve" src="data:image/svg+xml;base64," '
        'alt="What an output is worth">'
        f"<div>{sections.table(*calibration_table(MORE['calibration']), 'numbers')}</div></div></section>"
    )


def test_a_learning_curve_is_told_to_those_who_cannot_see_it() -> None:
    history = [EpochRecord(i, 0.3, 0.1, 0.8 + i / 20, None, None, 2.0) for i in (1, 2)]
    picture, html = svg(sections.curve(history, 0.8754, 1))
    assert html == (
        '<section><h2>How it learned</h2><img class="curve" src="data:image/svg+xml;base64,"'
        ' alt="Accuracy by epoch, training 85.00 %, test 87.54 %"></section>'
    )
    assert "> epoch 1 is kept <" in picture
    assert ">Accuracy by epoch<" not in picture  # the page has a heading of its own


def test_mistakes_are_tiles_of_which_the_first_show_without_a_script(few_test_digits: Digits) -> None:
    images, ink = few_test_digits.images, ink_on_paper(few_test_digits.images[7])
    shown = [(9, 4, 4, 0.5), (7, 3, 5, 0.987), *[(8, 1, 7, 0.5)] * 30]
    html = sections.mistakes(shown, images)
    first, *others = html.split("</li>")
    assert first == (
        f'<ul class="tiles" id="mistake-tiles"><li><button type="button" class="tile" data-digit="1">'
        f'<img src="{ink}" alt="" width="56" height="56"><span><b>3</b> read as <b>5</b></span>'
        "<small>0.99</small></button>"
    )
    assert len(others) == 22 + 1
    assert sections.mistakes(shown[:1], images) == "<p>There are none.</p>"


def test_cells_of_the_confusion_matrix_are_darker_up_to_32_mistakes() -> None:
    counts = np.zeros((10, 10), np.int64)
    counts[3] = [0, 1, 3, 900, 4, 15, 16, 31, 32, 5000]
    head, *rows = sections.confusion_table(counts).split("<tr>")[1:]
    assert re.findall('<th scope="col">(.*?)</th>', head) == list("0123456789")
    assert rows[3].startswith('<th scope="row">3</th>')
    cells = re.findall('<td class="(.*?)" data-label="3" data-answer="(.)">(.*?)</td>', rows[3])
    assert [shade.removeprefix("wrong-") for shade, *_ in cells] == [*"012", "right", *"345566"]
    assert [answer for _, answer, _ in cells] == list("0123456789")
    assert cells[0][2] == ""
    assert cells[2][2] == '<button type="button" aria-label="3 read as 2: 3">3</button>'


def test_settings_are_told_in_words() -> None:
    recipe = {"hidden": [300, 100], "learning_rate": 1e-3, "biases": True, "shuffle": False, "name": "a<b"}
    others = {"Machine": {"blas": "x 1"}, "Versions": {"numpy": "2"}}
    known = {name.lower(): facts for name, facts in others.items()}
    card = card_for([1], [1], recipe=recipe, data={"my.csv": "ab"}, seconds={"train": 9.456}, **known)
    told = {"hidden": "300, 100", "learning rate": "0.001", "biases": "yes", "shuffle": "no", "name": "a<b"}
    groups = {"Settings": told, "Data (SHA-256)": {"my.csv": "ab"}, **others, "Time": {"train": "9.46 s"}}
    assert sections.settings(card) == "".join(
        f'<div class="facts"><h3>{title}</h3>{sections.table((), rows.items(), "pairs")}</div>'
        for title, rows in groups.items()
    )


def test_a_table_holds_texts_of_any_kind() -> None:
    assert sections.table((), [("a<b", "&", 1)], "pairs") == (
        '<table class="pairs"><tbody><tr><th scope="row">a&lt;b</th><td>&amp;</td><td>1</td></tr></tbody>'
        "</table>"
    )
    assert sections.table(["a&b"], [], "numbers") == (
        '<table class="numbers"><thead><tr><th scope="col">a&amp;b</th></tr></thead><tbody></tbody></table>'
    )
