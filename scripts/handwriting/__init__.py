"""Drawn sheets of handwriting, and what networks read of them."""
