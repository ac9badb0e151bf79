"""The files of what a search chose."""

import hashlib

from qnas.core.files.folder import RunFolder
from qnas.core.network import Architecture
from qnas.core.run.names import ARCHITECTURE, LAST_ARCHITECTURE

DIGEST = "architecture_sha256"
"""In the result of the search: the checksum of the architecture's file."""


def write_chosen(folder: RunFolder, best: Architecture, last: Architecture) -> dict[str, str]:
    """Write the architecture that the search found and the last one; what the search's result says of them."""
    found = best.to_json()
    folder.write_text(ARCHITECTURE, found)
    folder.write_text(LAST_ARCHITECTURE, last.to_json())
    return {DIGEST: digest(found)}


def digest(text: str) -> str:
    """The checksum of an architecture's file."""
    return hashlib.sha256(text.encode()).hexdigest()
