"""Counts what a network reads of sheets drawn by `sheets.py`."""

import sys
from io import BytesIO
from pathlib import Path
from time import perf_counter

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, "/tmp/team/photo-models")
import load
import sheets
from PIL import Image

from mnist_mlp.digits.images import scale_pixels
from mnist_mlp.digits.photo import read_image
from mnist_mlp.nn.network import Network


def edits(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        prev, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            prev, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, prev + (x != y))
    return row[-1]


def main():
    kinds = sys.argv[1].split(",")
    n = int(sys.argv[2])
    seed = int(sys.argv[3])
    split = sys.argv[4] if len(sys.argv) > 4 else "tune"
    im, lb = load.train() if split == "tune" else load.test()
    if split == "tune":
        im, lb = im[50000:], lb[50000:]
    mh = sheets.mnist_hand(im, lb)
    nets = {
        m: Network.load(f"/tmp/team/photo-models/{m}/model.safetensors") for m in ("tutorial", "fast", "best")
    }
    for kind in kinds:
        rng = np.random.default_rng([seed, len(kind)])
        right = dict.fromkeys(nets, 0)
        errs = dict.fromkeys(nets, 0)
        chars = 0
        t = 0
        fails = []
        counted = 0
        slow = 0
        for k in range(n):
            hand = mh if k % 2 else sheets.stroke_hand
            if kind == "canvas":
                d = sheets.on_canvas(rng, hand)
            if kind == "canvasrow":
                d = sheets.on_canvas(rng, hand, int(rng.integers(3, 9)))
            if kind == "photo":
                d = sheets.photo(rng, hand, [1])
            if kind == "row":
                d = sheets.photo(rng, hand, [int(rng.integers(3, 9))])
            if kind == "page":
                d = sheets.photo(rng, hand, [int(rng.integers(3, 9)) for _ in range(rng.integers(2, 6))])
            truth = "\n".join(d.lines)
            chars += len(truth.replace("\n", ""))
            for m, net in nets.items():
                if m != "best" and "-b" in sys.argv:
                    continue
                score = lambda images: net.forward(scale_pixels(images)).max(axis=1)
                s = perf_counter()
                sh = read_image(BytesIO(d.file), score)
                e = perf_counter() - s
                t += e
                slow = max(slow, e)
                counted += 1
                answers = iter(net.predict(scale_pixels(sh.images)) if len(sh.images) else [])
                text = "\n".join("".join(str(next(answers)) for _ in line) for line in sh.lines)
                ok = text == truth
                right[m] += ok
                errs[m] += edits(text, truth)
                if m == "best" and not ok:
                    fails.append((k, truth, text, d.file))
        print(
            kind,
            n,
            {m: f"{100 * right[m] / n:.1f}% cer {100 * errs[m] / chars:.1f}" for m in nets},
            f"{1000 * t / counted:.0f} ms each, slowest {slow:.2f}",
        )
        if "-f" in sys.argv:
            big = Image.new("RGB", (1600, 1200), "gray")
            from PIL import ImageDraw

            for i, (k, truth, text, f) in enumerate(fails[:24]):
                p = Image.open(BytesIO(f)).convert("RGB")
                p.thumbnail((260, 230))
                x, y = (i % 6) * 265, (i // 6) * 300
                big.paste(p, (x, y))
                ImageDraw.Draw(big).text((x, y + 232), f"{k}: {truth!r}\n{text!r}", fill="yellow")
                sh = read_image(BytesIO(f))
                for g, gl in enumerate(sh.glyphs[:8]):
                    big.paste(Image.fromarray(gl.image), (x + 30 * g, y + 265))
            big.save(f"/tmp/team/photo-models/fail_{kind}.png")


main()
