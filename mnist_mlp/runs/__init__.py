"""A run: its folder, and carrying it out."""
