"""What a document shows of a command's output is compared with what the command prints."""

import pytest

from .shown import Command, missing


@pytest.mark.parametrize(
    ("command", "shown", "printed", "is_stale"),
    [
        ("qnas check spec.yaml", "15.8 MBitOps to 904 MBitOps", "15.8 MBitOps to 904 MBitOps", False),
        ("qnas check spec.yaml", "15.8 MBitOps to 904 MBitOps", "15.8 MBitOps to 905 MBitOps", True),
        ("qnas check spec.yaml", "15.8 MBitOps to 904 MBitOps", "15.9 MBitOps to 904 MBitOps", True),
        ("qnas run spec.yaml", "64.9 MBitOps, 4,020 parameters", "102 MBitOps, 4,020 parameters", False),
        ("qnas run spec.yaml", "64.9 MBitOps, 4,020 parameters", "64.9 MBitOps, 4,021 parameters", True),
        ("qnas export run", "21.8 kB  4 of 4  99.9%", "23 kB  4 of 4  100.0%", False),
        ("qnas export run", "21.8 kB  4 of 4  99.9%", "21.8 kB  4 of 4", True),
        ("qnas bench run", "found  25.4 ms  0.09 ms  1.22 x", "found  1.3 s  90 µs  2 x", False),
        ("qnas bench run", "run, 1 thread, verified", "run, 1 thread, not verified", True),
        ("pytest -q", "2 passed in 4.20s", "2 passed in 11.03s", False),
        ("pytest -q", "2 passed in 4.20s", "3 passed in 4.20s", True),
    ],
)
def test_only_figures_that_differ_by_machine_may_differ(command: str, shown: str, printed: str, is_stale: bool) -> None:
    assert bool(missing(Command(command, [shown]), printed)) == is_stale
