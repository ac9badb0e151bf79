"""Contract suites: what every component of a kind must do, whoever wrote it.

A check takes a component, its name, or a mapping of its name and fields, and raises ``AssertionError`` if it breaks the
contract of its kind. In a test of your own:

    from qnas.testing import check_space


    def test_my_space():
        check_space({"name": "ghost", "channels": 12})

To check all components of an installed plugin, run

    pytest --pyargs qnas.testing --qnas-plugin qnas-ghost

The checks are imported when they are first used, because pytest imports this package in every test run.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qnas.testing.block import check_block
    from qnas.testing.cost import check_cost
    from qnas.testing.dataset import check_dataset
    from qnas.testing.degradation import check_degradation
    from qnas.testing.operation import check_operation
    from qnas.testing.quantizer import check_quantizer
    from qnas.testing.regularizer import check_regularizer
    from qnas.testing.report import check_report
    from qnas.testing.residual import check_residual
    from qnas.testing.searcher import check_searcher
    from qnas.testing.space import check_space

__all__ = [
    "check_block",
    "check_cost",
    "check_dataset",
    "check_degradation",
    "check_operation",
    "check_quantizer",
    "check_regularizer",
    "check_report",
    "check_residual",
    "check_searcher",
    "check_space",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(importlib.import_module(f"qnas.testing.{name.removeprefix('check_')}"), name)
    raise AttributeError(f"module 'qnas.testing' has no attribute '{name}'")
