"""What each ingredient of a recipe gains: alone on a plain start, and left out of the whole.

Every network trains on the first 50,000 training digits and is judged by the last 10,000, over several seeds.
The test digits are never read. Prints a Markdown table, the most useful ingredient first.

    python scripts/search.py --recipe best --epochs 60 --seeds 3 --out docs/ablation-best.md
"""

import argparse
import multiprocessing
import os
import statistics
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from mnist_mlp import Recipe, load_mnist, train  # noqa: E402
from mnist_mlp.training.recipe import RECIPES  # noqa: E402

HELD_OUT = 10_000

# What a recipe is without the ingredient.
WITHOUT: dict[str, dict[str, Any]] = {
    "affine distortions": {"rotation": 0.0, "scale": 0.0, "shear": 0.0, "shift": 0.0},
    "elastic distortions": {"elastic": 0.0},
    "softmax while training": {"loss": "cross-entropy"},
    "centred inputs": {"center_inputs": False},
    "centred hidden units": {"center_hidden": False},
    "falling learning rate": {"schedule": "constant"},
    "warm-up": {"warmup_epochs": 0.0},
    "averaged weights": {"ema_epochs": 0.0},
    "weight decay": {"weight_decay": 0.0},
    "momentum": {"momentum": 0.0},
}


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--recipe", default="best", choices=["fast", "best"])
    parser.add_argument("--epochs", type=int, help="in place of the recipe's own")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--data-dir", type=Path, default=ROOT / "data")
    parser.add_argument("--out", type=Path, help="write the table there as well")
    return parser.parse_args()


def variants(recipe: Recipe) -> dict[str, tuple[Recipe, Recipe]]:
    """For each ingredient the recipe has: the plain start with it alone, and the recipe without it."""
    used = {
        name: {key: getattr(recipe, key) for key in off}
        for name, off in WITHOUT.items()
        if any(getattr(recipe, key) != value for key, value in off.items())
    }
    plain = replace(recipe, **{key: value for name in used for key, value in WITHOUT[name].items()})
    table = {"(all, none)": (recipe, plain)}
    for name, on in used.items():
        table[name] = (replace(recipe, **WITHOUT[name]), replace(plain, **on))
    return table


def accuracy(job: tuple[Recipe, Path]) -> float:
    """Validation accuracy, in percent, of one training."""
    recipe, folder = job
    digits = load_mnist(folder)
    kept = len(digits) - HELD_OUT
    network = recipe.network()
    last = replace(recipe, name="search")
    history = train(network, digits[:kept], last, validation=digits[kept:])
    return 100 * (history[-1].validation_accuracy or 0.0)


def main() -> None:
    arguments = parse()
    recipe = RECIPES[arguments.recipe]
    if arguments.epochs:
        recipe = replace(recipe, epochs=arguments.epochs)
    table = variants(recipe)
    jobs = [
        (replace(variant, seed=seed), arguments.data_dir)
        for pair in table.values()
        for variant in pair
        for seed in range(1, arguments.seeds + 1)
    ]
    # One thread of BLAS a process: several trainings side by side use the cores better than each by itself.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    results = []
    with ProcessPoolExecutor(arguments.processes, multiprocessing.get_context("spawn")) as pool:
        for result in pool.map(accuracy, jobs):
            results.append(result)
            print(
                f"{len(results)} of {len(jobs)} trainings done, the last one {result:.2f} %", file=sys.stderr
            )
    text = markdown(arguments.recipe, recipe.epochs, list(table), results, arguments.seeds)
    print(text)
    if arguments.out:
        arguments.out.write_text(text)


def markdown(name: str, epochs: int, names: list[str], results: list[float], seeds: int) -> str:
    """The table; results in the order of the jobs."""
    groups = [results[i : i + seeds] for i in range(0, len(results), seeds)]
    (whole, plain), *rows = [(groups[2 * i], groups[2 * i + 1]) for i in range(len(names))]
    lines = [
        f"Validation accuracy of recipe `{name}` at {epochs} epochs, mean and deviation of {seeds} seeds:",
        f"**{shown(whole)}** with everything, {shown(plain)} with none of the ingredients below.",
        "",
        "| ingredient | alone | gains | left out | loses |",
        "|---|---|---|---|---|",
    ]
    mean = statistics.fmean
    entries = [
        (mean(whole) - mean(without), ingredient, alone, without)
        for ingredient, (without, alone) in zip(names[1:], rows, strict=True)
    ]
    for lost, ingredient, alone, without in sorted(entries, key=lambda entry: -entry[0]):
        gained = mean(alone) - mean(plain)
        lines.append(f"| {ingredient} | {shown(alone)} | {gained:+.2f} | {shown(without)} | {-lost:+.2f} |")
    return "\n".join(lines) + "\n"


def shown(values: list[float]) -> str:
    spread = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.2f}{spread}"


if __name__ == "__main__":
    main()
