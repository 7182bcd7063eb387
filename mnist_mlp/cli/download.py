"""`mnist-mlp download`: make the two CSV files of MNIST be there."""

from pathlib import Path

from mnist_mlp.cli.options import DataDir, Json, Mirror, Offline

EXAMPLES = """
  mnist-mlp download --data-dir mnist
  mnist-mlp download --data-dir mnist --mirror http://school.example/mnist
"""


def download(
    data_dir: DataDir = None, mirror: Mirror = None, offline: Offline = False, json: Json = False
) -> None:
    """Fetch the MNIST digits as two CSV files."""
    from mnist_mlp.cli.screen import Screen
    from mnist_mlp.cli.sources import Source

    screen = Screen()
    paths = Source(data_dir or Path("data"), mirror or [], offline).download(screen, csv=True)
    if json:
        screen.json([str(path) for path in paths])
        return
    for path in paths:
        screen.result(f"{path}")
