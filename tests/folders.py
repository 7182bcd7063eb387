"""What folders hold, for the tests of runs and of the commands that make them."""

from pathlib import Path

# The files of a finished run.
RESULTS = {
    "confusion_matrix.png",
    "history.csv",
    "learning_curve.png",
    "mistakes.png",
    "model.safetensors",
    "recipe.toml",
    "report.html",
    "run.json",
    "scorecard.json",
    "scorecard.md",
}


def files(folder: Path = Path()) -> set[str]:
    """All files in a folder and below, by their paths from it, with / between."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def models(folder: Path) -> dict[str, bytes]:
    """The bytes of each model of a sweep, by its path."""
    found = folder.glob("*=*/seed-*/model.safetensors")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}
