"""Lets `python -m mnist_mlp` run the command line, as the installed `mnist-mlp` does."""

import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C just ends the process until a command takes over

from mnist_mlp.cli.app import main  # noqa: E402

if __name__ == "__main__":
    main()
