"""A pytest plugin whose option ``--qnas-plugin`` names the plugins whose components the contract suites check."""

import warnings

import pytest

_OPTION = "--qnas-plugin"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.getgroup("qnas").addoption(
        _OPTION,
        action="append",
        default=[],
        metavar="NAME",
        help="check the components of this installed plugin of qnas (its entry point, distribution or package);"
        " can be given several times; use with --pyargs qnas.testing",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Refuse the name of a plugin that is not installed."""
    names: list[str] = config.getoption(_OPTION)
    if not names:
        return
    # Import these only now, because pytest imports this module in every test run.
    from qnas.core.errors import InputError
    from qnas.core.registry import find_plugins

    with warnings.catch_warnings(action="ignore"):  # about broken plugins, which the suites report
        try:
            found = find_plugins()
        except InputError as error:
            raise pytest.UsageError(str(error)) from error
    for name in names:
        if not found.called(name):
            installed = ", ".join(dict.fromkeys(info.distribution for info in found.found))
            raise pytest.UsageError(f"{_OPTION}: no installed plugin is called '{name}' (installed: {installed})")
