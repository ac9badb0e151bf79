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

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
