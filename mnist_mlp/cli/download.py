"""`mnist-mlp download`: make the two CSV files of MNIST be there."""

from pathlib import Path

from mnist_mlp.cli.options import DataDir, Json, Mirror, Offline

EXAMPLES = """
  mnist-mlp download
  mnist-mlp download --data-dir mnist --mirror http://school.example/mnist
"""


def download(
    data_dir: DataDir = None, mirror: Mirror = None, offline: Offline = False, json: Json = False
) -> None:
    """Write the MNIST digits as two CSV files.

    With --data-dir or --mirror what is missing is downloaded; else they are those that come with the
    program.
    """
    from mnist_mlp.cli.screen import Screen
    from mnist_mlp.cli.sources import Source
    from mnist_mlp.digits.mnist import FILES, find_files, load_mnist, write_csv
    from mnist_mlp.runs.folder import make_folder

    screen, folder = Screen(), data_dir or Path("data")
    paths = [folder / names.csv for names in FILES.values()]
    replaced = any(len(find_files(folder, split)) == 2 for split in FILES)  # images and labels
    source = Source(folder if mirror else data_dir, mirror, offline)
    if source.folder == folder:  # not the digits that come with the program
        source.download(screen)
    make_folder(folder)
    with screen.progress() as progress:
        for split, path in zip(FILES, paths, strict=True):
            if not path.exists():
                write_csv(load_mnist(source.folder, split), path, progress)
    if json:
        screen.json([str(path) for path in paths])
        return
    for path in paths:
        screen.result(f"{path}")
    if replaced:
        screen.note(f"from now on they are read in place of the other MNIST files in {folder}")
