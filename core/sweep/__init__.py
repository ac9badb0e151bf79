"""Sweeps: many runs that differ in a few fields, each a point in a folder of its own."""

from qnas.core.sweep.index import INDEX
from qnas.core.sweep.plan import Point, plan_points
from qnas.core.sweep.runner import run_points
from qnas.core.sweep.status import Status, begin_statuses
from qnas.core.sweep.sweep_file import Sweep, Variant, read_sweep

__all__ = [
    "INDEX",
    "Point",
    "Status",
    "Sweep",
    "Variant",
    "begin_statuses",
    "plan_points",
    "read_sweep",
    "run_points",
]
