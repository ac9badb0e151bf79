"""Memory: how much a runtime takes to load a file and enlarge an image, measured in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from qnas.core.components import Target
from qnas.core.errors import QnasError

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_OF_PEAK = "5"  # what makes Linux measure the peak anew


def peak_memory(target: Target, path: Path, size: tuple[int, int], threads: int) -> int:
    """How many bytes a process takes in addition, at its peak, to load a file and enlarge one image.

    The runtime's library is among them; Python, NumPy and PyTorch, which the process has before, are not.

    Args:
        target: Whose file it is.
        path: Of the file.
        size: Height and width of the LR image.
        threads: How many the runtime may use.

    Raises:
        QnasError: It can't be measured; the message says why.
    """
    if not _RESET.exists():
        raise QnasError("only Linux says how much memory a process took")
    asked = json.dumps([target.reference(), str(path), size, threads])
    line = [sys.executable, "-m", __name__, asked]
    done = subprocess.run(line, check=False, capture_output=True, text=True)  # noqa: S603 - our own command line
    if done.returncode:
        said = done.stderr.strip().splitlines()[-1:] or [f"its process ended with {done.returncode}"]
        raise QnasError(said[0])
    return int(done.stdout.split()[-1])


def _growth(asked: str) -> int:
    """The same, of the process that it is called in."""
    reference, path, size, threads = json.loads(asked)
    target = Target.of(reference)
    image = np.zeros((1, 3, *size), np.float32)
    before = _resident("VmRSS")
    _RESET.write_text(_OF_PEAK)
    target.load(Path(path), threads)(image)
    return _resident("VmHWM") - before


def _resident(key: str) -> int:
    """Bytes of this process in memory: ``VmRSS`` now, ``VmHWM`` at the peak."""
    (kilobytes,) = [line.split()[1] for line in _STATUS.read_text().splitlines() if line.startswith(f"{key}:")]
    return 1024 * int(kilobytes)


if __name__ == "__main__":
    print(_growth(sys.argv[1]))
