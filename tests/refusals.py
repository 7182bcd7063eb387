"""How a call is refused."""

from collections.abc import Callable
from typing import Any

import pytest

from mnist_mlp.errors import MnistMlpError


def refused(function: Callable[..., object], *arguments: Any, **keywords: Any) -> str:
    """The one short line of the error that a call ends in."""
    with pytest.raises(MnistMlpError) as caught:
        function(*arguments, **keywords)
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 500
    return message
