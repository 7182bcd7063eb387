"""The network and how it learns: start with `plain`."""
