"""The one base of every error a person can cause, so that the command line can tell them from defects."""


class MnistMlpError(Exception):
    """One line for a person: what was wrong, where (file, line, value) and what to do."""
