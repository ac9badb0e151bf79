"""The names in a run's folder: its stages in their order, and every file that the engine keeps there.

A space or a cost that keeps files of its own (:meth:`qnas.Space.keep`) and a report name theirs; all others stand here,
and nowhere else. Nothing that is slow to import is needed to know them.
"""

from collections.abc import Mapping
from typing import Any, Final

from qnas.core.files.exclusive import FILE as LOCK
from qnas.core.files.folder import HISTORY

STAGES = ("search", "derive", "float", "train", "evaluate", "baselines", "export", "report")
"""The stages of a run, in their order. Those that a spec has no use for are left out: ``float`` where nothing needs the
network in float, ``baselines`` and ``export`` where none are named."""

SPEC = "spec.yaml"
ENVIRONMENT = "environment.json"
IMAGES = "images.json"
IMAGE_NAMES = "image_names.json"
LOG = "run.log"
ARCHITECTURE = "architecture.json"
MODEL = "model.safetensors"
RESULT = "result.json"

LAST_ARCHITECTURE = "search/last.json"
SUPERNET = "search/supernet.safetensors"
PARENT = "parent.json"
PARENT_WEIGHTS = "parent.safetensors"
"""Where a run took its network from, and the weights that it started with."""
FLOAT_WEIGHTS = "float/model.safetensors"
"""Those of the found network, trained with nothing quantized."""
TEACHERS = "teachers.json"
"""Digests of the networks that losses learn from, by what names them in the spec."""
LAST_WEIGHTS = "train/last.safetensors"
BEST_BEFORE = "search/best.json"
"""What the search found, in runs of qnas 0.1; the architecture is a copy of it."""

EXAMPLES = "examples/index.json"
EXAMPLE_KINDS = ("lr", "bicubic", "ours", "hr")

BASELINES = "baselines"
"""The folder of the networks that were trained for comparison, each a run of its own."""
EXPORT = "export"
"""The folder of the files that were written for targets."""
TIMINGS = "export/bench.json"
"""What was measured of them."""

MEASURED: Final = "measured"
"""What result.json calls what was measured in place of costs."""
RENAMED: Final = {"size_bytes": "size"}
"""What costs were called before, to what they are called now. Until 0.4, result.json states them by both names."""

__all__ = [
    "ARCHITECTURE",
    "BASELINES",
    "BEST_BEFORE",
    "ENVIRONMENT",
    "EXAMPLES",
    "EXAMPLE_KINDS",
    "EXPORT",
    "FLOAT_WEIGHTS",
    "HISTORY",
    "IMAGES",
    "IMAGE_NAMES",
    "LAST_ARCHITECTURE",
    "LAST_WEIGHTS",
    "LOCK",
    "LOG",
    "MEASURED",
    "MODEL",
    "PARENT",
    "PARENT_WEIGHTS",
    "RENAMED",
    "RESULT",
    "SPEC",
    "STAGES",
    "SUPERNET",
    "TEACHERS",
    "TIMINGS",
    "as_named_now",
    "baseline",
    "checkpoint",
    "example",
    "exported",
    "result_of",
]


def result_of(stage: str) -> str:
    """The file with the result of a stage; a stage that has one has ended."""
    return f"{stage}/{RESULT}"


def checkpoint(stage: str, number: int) -> str:
    """The file of a stage's checkpoint. Two take turns: while one is written, the other is as it was."""
    return f"{stage}/checkpoint-{number % 2}.safetensors"


def baseline(name: str) -> str:
    """The folder of the run of a baseline: ``baselines/uniform-8`` of ``uniform 8``."""
    return f"{BASELINES}/{name.replace(' ', '-')}"


def example(stem: str, kind: str) -> str:
    """The picture of an example crop, of one of the ``EXAMPLE_KINDS``."""
    return f"examples/{stem}-{kind}.png"


def exported(target: str, suffix: str) -> str:
    """The file that was written for a target; with the suffix ``.json``, what is known of it."""
    return f"{EXPORT}/{target}{suffix}"


def as_named_now(result: Mapping[str, Any]) -> dict[str, Any]:
    """result.json with the names that costs have now."""
    before = {RENAMED[name]: value for name, value in result.items() if name in RENAMED}
    return {**before, **{name: value for name, value in result.items() if name not in RENAMED}}
