"""Lets `python -m mnist_mlp` run the command line, as the installed `mnist-mlp` does."""

import signal


def main() -> None:
    """Run the command line. Until a command takes over, Ctrl-C just ends the process."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from mnist_mlp.cli.app import main as run  # noqa: PLC0415 - loading it takes a moment

    run()


if __name__ == "__main__":
    main()
