"""What a PyTorch user would write for our recipe `fast` on digits as they are: the same network and settings.

The settings are read from the file of a recipe, so that both programs have the same. The digits are tensors
in memory; there is no DataLoader, whose work for each sample would cost more than the training.
"""

import argparse
import sys
import tomllib
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

torch: Any = import_module("torch") if find_spec("torch") else None  # --help does without

# The settings that this program can follow in one way only; the others are free.
FIXED = {
    "init": "normal-fan-in", "biases": True, "loss": "cross-entropy", "optimizer": "sgd", "weight_decay": 0,
    "schedule": "linear", "decay_fraction": 1, "shuffle": True, "center_inputs": True,
    **dict.fromkeys(("rotation", "scale", "shear", "shift", "elastic", "nondigits", "validation"), 0),
}  # fmt: skip


def read_recipe(path: Path) -> dict[str, Any]:
    recipe = tomllib.loads(path.read_text())
    if others := [name for name, value in FIXED.items() if recipe[name] != value]:
        sys.exit(f"{path}: this program has no other {others[0]} than {FIXED[others[0]]!r}")
    return recipe


def read_csv(path: Path) -> tuple[Any, Any]:
    """Inputs (n, 784), float32, from 0.01 to 1, and labels (n,)."""
    rows = torch.from_numpy(np.loadtxt(path, delimiter=",", dtype=np.uint8))
    return rows[:, 1:].float() * (0.99 / 255) + 0.01, rows[:, 0].long()


def build(hidden: int, input_mean: float) -> Any:
    """A network that gives the ten weighted sums; the loss and the answer need no sigmoid of them."""
    layers = [torch.nn.Linear(784, hidden), torch.nn.Linear(hidden, 10)]
    for layer in layers:
        torch.nn.init.normal_(layer.weight, 0, layer.in_features**-0.5)
        torch.nn.init.zeros_(layer.bias)
    with torch.no_grad():  # it starts with zero biases for inputs that are not centered
        layers[0].bias += layers[0].weight.sum(dim=1) * input_mean
    return torch.nn.Sequential(layers[0], torch.nn.Sigmoid(), layers[1])


def train(model: Any, inputs: Any, labels: Any, recipe: dict[str, Any]) -> None:
    targets = torch.nn.functional.one_hot(labels, 10) * 0.98 + 0.01
    size = recipe["batch_size"]
    steps_an_epoch = -(-len(inputs) // size)
    steps, rising = steps_an_epoch * recipe["epochs"], max(1, recipe["warmup_epochs"] * steps_an_epoch)
    # BCEWithLogitsLoss takes the mean over the ten outputs too, where the recipe's loss is their sum.
    loss_function = torch.nn.BCEWithLogitsLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0, momentum=recipe["momentum"])
    step = 0
    for _ in range(recipe["epochs"]):
        order = torch.randperm(len(inputs))
        for first in range(0, len(inputs), size):
            batch = order[first : first + size]
            rate = recipe["learning_rate"] * min(1, (step + 1) / rising) * (1 - step / steps)
            optimizer.param_groups[0]["lr"] = 10 * rate
            optimizer.zero_grad()
            loss_function(model(inputs[batch]), targets[batch]).backward()
            optimizer.step()
            step += 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("train_csv", type=Path, help="mnist_train.csv")
    parser.add_argument("test_csv", type=Path, help="mnist_test.csv")
    parser.add_argument("recipe", type=Path, help="a TOML file of all settings, as a run's recipe.toml")
    arguments = parser.parse_args()
    if torch is None:
        sys.exit("PyTorch is missing; install it: pip install '.[bench]'")
    recipe = read_recipe(arguments.recipe)
    torch.manual_seed(recipe["seed"])
    inputs, labels = read_csv(arguments.train_csv)
    test_inputs, test_labels = read_csv(arguments.test_csv)
    mean = inputs.mean()
    inputs -= mean
    test_inputs -= mean
    model = build(recipe["hidden"], float(mean))
    train(model, inputs, labels, recipe)
    with torch.no_grad():
        right = model(test_inputs).argmax(dim=1) == test_labels
    print(f"accuracy {right.double().mean().item()}")


if __name__ == "__main__":
    main()
