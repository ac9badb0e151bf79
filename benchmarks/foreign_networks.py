"""Networks that others wrote, those of spandrel (`pip install --no-deps spandrel`), small and at x4."""

import importlib
import sys
from collections.abc import Mapping
from importlib.metadata import distribution
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

SCALE = 4
NETWORKS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "compact": ("Compact/SRVGG:SRVGGNetCompact", {"num_feat": 24, "num_conv": 16, "upscale": SCALE}),
    "rcan": ("RCAN/rcan_arch:RCAN", {"scale": SCALE, "n_resgroups": 1, "n_resblocks": 4, "n_feats": 24}),
    "rrdb": ("ESRGAN/RRDB:RRDBNet", {"num_filters": 24, "num_blocks": 1, "scale": SCALE}),
}


def network(name: str) -> nn.Module:
    """A network of spandrel, loaded past its package's ``__init__``, which imports torchvision."""
    architecture, arguments = NETWORKS[name]
    place, _, class_name = architecture.partition(":")
    folder, _, module = place.partition("/")
    for package in ("spandrel", "spandrel.architectures", f"spandrel.architectures.{folder}"):
        _make_package(package)
    loaded = importlib.import_module(f"spandrel.architectures.{folder}.__arch.{module}")
    made: nn.Module = getattr(loaded, class_name)(**arguments)
    return made


def _make_package(name: str) -> None:
    if name not in sys.modules:
        package = ModuleType(name)
        package.__path__ = [str(Path(str(distribution("spandrel").locate_file("."))) / name.replace(".", "/"))]
        sys.modules[name] = package
