"""Lets `python -m mnist_mlp` run the command line, as the installed `mnist-mlp` does."""

from mnist_mlp.cli import main

if __name__ == "__main__":
    main()
