"""The command line of qnas in a process of its own."""

import sys
from pathlib import Path


def qnas_command(*arguments: str) -> list[str]:
    """The command line of ``qnas`` with these arguments, as this Python runs it."""
    # Like the installed command, and unlike Python's -m, don't import from the working folder.
    safe_path = [] if str(Path.cwd()) in sys.path else ["-P"]
    return [sys.executable, *safe_path, "-m", "qnas", *arguments]
