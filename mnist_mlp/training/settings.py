"""What a setting may be: its kind, its range or its choices, and how it is read from text."""

from contextlib import suppress
from dataclasses import Field, field
from numbers import Integral, Real
from typing import Any

from mnist_mlp.errors import MnistMlpError

LARGEST_WHOLE = 2**63 - 1


class RecipeError(MnistMlpError):
    """A recipe with a setting that is unknown, of the wrong kind or out of range."""


def setting(
    default: Any,
    explanation: str,
    *,
    least: float = 0,
    greatest: float = 0,
    choices: tuple[str, ...] = (),
    several: bool = False,
) -> Any:
    """A field of a recipe: numbers have a least and a greatest value, both allowed; texts have choices."""
    facts = {
        "help": explanation,
        "least": least,
        "greatest": greatest,
        "choices": choices,
        "several": several,
    }
    return field(default=default, metadata=facts)


def parse(field: Field[Any], text: str) -> Any:
    """Read the value of a setting from a text of the command line; RecipeError if it will not do."""
    kind: Any = type(field.default)
    value: Any = text.strip()
    try:
        if field.metadata["several"] and "," in value:
            value = tuple(int(part) for part in value.split(","))
        elif kind is bool:
            value = {"true": True, "false": False}.get(value.lower(), value)
        else:
            value = kind(value)
    except ValueError:
        pass  # what it is instead, the check tells
    return check(field, value)


def check(field: Field[Any], value: Any) -> Any:
    """The value as its setting's kind, or RecipeError; NumPy's numbers are taken as Python's."""
    if not (field.metadata["several"] and isinstance(value, list | tuple)):
        return _check_one(field, value)
    if not value:
        raise RecipeError(f"{field.name} must hold at least one number")
    layers = tuple(_check_one(field, size) for size in value)
    return layers[0] if len(layers) == 1 else layers


def _check_one(field: Field[Any], value: Any) -> Any:
    name, facts = field.name, field.metadata
    kind: Any = type(field.default)
    if kind is int and isinstance(value, Integral) and not isinstance(value, bool):
        value = int(value)
    elif kind is float and isinstance(value, Real) and not isinstance(value, bool):
        with suppress(OverflowError):  # then it is out of range as it stands
            value = float(value)
    if type(value) is not kind:
        words = {float: "a number", int: "a whole number", bool: "true or false", str: "text"}
        raise RecipeError(f"{name} must be {words[kind]}{_limits(field)}, not {shown(value)}")
    if kind in (int, float) and not facts["least"] <= value <= facts["greatest"]:
        raise RecipeError(f"{name} must be{_limits(field)}, not {shown(value)}")
    if facts["choices"] and value not in facts["choices"]:
        raise RecipeError(f"{name} must be one of {', '.join(facts['choices'])}, not {shown(value)}")
    if kind is str and not (str(value).replace("-", "").isalnum() and len(str(value)) <= 40):
        raise RecipeError(f"{name} must be up to 40 letters, digits and hyphens, not {shown(value)}")
    return value


def _limits(field: Field[Any]) -> str:
    least, greatest = field.metadata["least"], field.metadata["greatest"]
    form = {int: ",", float: "g"}.get(type(field.default))
    return "" if form is None else f" from {least:{form}} to {greatest:{form}}"


def shown(value: object) -> str:
    """The value on a short line, however large it is."""
    try:
        return f"{value!r:.50}"
    except (ValueError, RecursionError):  # thousands of digits, or of levels
        return f"a {type(value).__name__} too large to show"
