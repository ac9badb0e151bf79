"""What a node of a cluster says about itself, before any run is given to it."""

import importlib.metadata
import socket
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from qnas.core.registry import PROJECT, plugins


@dataclass(frozen=True)
class NodeReport:
    """What is known of a node.

    Attributes:
        host: Its name.
        python: The version of its Python.
        qnas: The version of its qnas.
        has_file: Whether it sees the file that it was asked about.
        lacks: Each distribution that it lacks, or whose plugins it can't load, to the reason.
    """

    host: str
    python: str
    qnas: str
    has_file: bool
    lacks: Mapping[str, str]

    def faults(self, folder: Path, is_shared: bool) -> list[str]:
        """Why runs can't be given to it.

        Args:
            folder: The sweep's.
            is_shared: Whether the nodes must see it.
        """
        found = [f"{name}: {why}" for name, why in self.lacks.items()]
        here = importlib.metadata.version(PROJECT)
        if self.qnas != here:
            found.append(f"it has qnas {self.qnas}, and {here} is here")
        if is_shared and not self.has_file:
            found.append(f"it does not see {folder}: choose a folder that all nodes share, or --with folders=store")
        return found


def report_node(file: Path, content: str, needed: Sequence[str]) -> NodeReport:
    """The report of the node that this runs on.

    Args:
        file: A file that it should see.
        content: What is in it.
        needed: Distributions whose plugins runs need.
    """
    has_file = file.is_file() and file.read_text(encoding="utf-8") == content
    python = ".".join(map(str, sys.version_info[:3]))
    version = importlib.metadata.version(PROJECT)
    return NodeReport(socket.gethostname(), python, version, has_file, lacking(needed))


def lacking(needed: Sequence[str]) -> dict[str, str]:
    """The distributions that are not installed here, or whose plugins can't be loaded, each with the reason."""
    with warnings.catch_warnings(action="ignore"):
        found = plugins()
    reasons: dict[str, str] = {}
    for name in needed:
        there = found.called(name)
        broken = [info.lack for info in there if info.lack]
        if not there:
            reasons[name] = "it is not installed there (see: qnas doctor, on that node)"
        elif broken:
            reasons[name] = f"{broken[0]} (see: qnas doctor, on that node)"
    return reasons
