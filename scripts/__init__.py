"""Programs about mnist-mlp that are no part of it; started in this checkout by  python -m scripts.NAME."""
