"""Contract suites: what a component must do, whoever wrote it.

A check raises ``AssertionError`` where the component breaks its contract. For a space of yours:

    from qnas.testing import check_space


    def test_my_space():
        check_space({"name": "ghost", "channels": 12})
"""

from qnas.testing.space import check_space

__all__ = ["check_space"]
