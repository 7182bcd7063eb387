"""Lets `python -m mnist_mlp` run the command line, as the installed `mnist-mlp` does."""

import gc
import signal


def main() -> None:
    """Run the command line. Until a command takes over, Ctrl-C just ends the process."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # To start is to make many objects that stay: to look for garbage among them takes a tenth of the time.
    gc.set_threshold(100_000)
    from mnist_mlp.cli.app import main as run  # noqa: PLC0415 - loading it takes a moment

    run()


if __name__ == "__main__":
    main()
