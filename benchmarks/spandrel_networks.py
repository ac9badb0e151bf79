"""Architectures of `spandrel`, each loaded past its package's ``__init__``, which imports torchvision."""

import importlib
import sys
from importlib.metadata import distribution
from pathlib import Path
from types import ModuleType

from torch import nn


def make(architecture: str, **arguments: object) -> nn.Module:
    """The network of ``FOLDER/module:Class``, such as ``SPAN/span:SPAN``."""
    place, _, name = architecture.partition(":")
    folder, _, module = place.partition("/")
    for package in ("spandrel", "spandrel.architectures", f"spandrel.architectures.{folder}"):
        _make_package(package)
    loaded = importlib.import_module(f"spandrel.architectures.{folder}.__arch.{module}")
    network: nn.Module = getattr(loaded, name)(**arguments)
    return network


def _make_package(name: str) -> None:
    """Make the modules of a package importable without running its ``__init__``."""
    if name not in sys.modules:
        package = ModuleType(name)
        package.__path__ = [str(Path(str(distribution("spandrel").locate_file("."))) / name.replace(".", "/"))]
        sys.modules[name] = package
