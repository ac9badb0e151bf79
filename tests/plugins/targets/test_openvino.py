"""What only OpenVINO does."""

import subprocess
import sys

import pytest

from qnas.testing.small_network import SmallNetwork

from .conftest import SIZE, Exported

SIGNALLED = f"""\
import signal, sys
from pathlib import Path
import numpy
from qnas.core.components import Target
lr = numpy.zeros((1, 3, *{SIZE}), dtype=numpy.float32)
target = Target.of("openvino")
first, second = (target.load(Path(sys.argv[1])) for _ in range(2))
first(lr), second(lr)
del first
del second
signal.signal(signal.SIGTERM, lambda *_: print("heard"))
signal.raise_signal(signal.SIGTERM)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_a_signal_is_heard_after_networks_that_went_in_the_order_they_came(exported: Exported) -> None:
    """Two cores of OpenVINO would leave a stack for signals that is gone; see ``shared_core``."""
    command = [sys.executable, "-c", SIGNALLED, str(exported("openvino", SmallNetwork.MIXED))]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "heard\n"), done.stderr
