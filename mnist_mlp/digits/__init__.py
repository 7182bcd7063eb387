"""Handwritten digits: reading, fetching and distorting them."""
