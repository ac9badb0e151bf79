"""The distributions that a component needs beside those of qnas."""

import importlib.metadata
import shlex
import sys
from collections.abc import Sequence

from qnas.core.errors import InputError


def versions_of(who: str, requires: Sequence[str], extra: str = "") -> dict[str, str]:
    """The version of each distribution.

    Args:
        who: What needs them, for messages: ``the target 'openvino'``.
        requires: Their names.
        extra: The extra of qnas that installs them, if there is one.

    Raises:
        InputError: One is not installed; the message says how to install it.
    """
    try:
        return {name: importlib.metadata.version(name) for name in requires}
    except importlib.metadata.PackageNotFoundError as error:
        how = installation(f"qnas[{extra}]" if extra else str(error.name))
        raise InputError(f"{who} needs {error.name}, which is not installed: {how}") from None


def installation(what: str) -> str:
    """The command that installs a distribution beside this qnas, and in no other environment.

    >>> installation("qnas[onnx]").endswith("-m pip install 'qnas[onnx]'")
    True
    """
    return shlex.join([sys.executable, "-m", "pip", "install", what])
