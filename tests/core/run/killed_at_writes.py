"""Runs a spec again and again, killed at some moment each time, until it is done; then once without a kill.

    python killed_at_writes.py SPEC FOLDER SEED

One of three is killed at any time, by a timer that the kernel keeps; the others by SIGKILL before or after some write.
The run that was killed is in FOLDER/killed, the other in FOLDER/whole. It prints how many times it was killed at a
write, and how many times by the timer.
"""

import os
import random
import signal
import sys
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import qnas.plugins.reports.page  # noqa: F401  # a run imports it late, so each child would
from qnas.core.files.folder import RunFolder
from qnas.core.run.run import run_spec
from qnas.core.spec import load_spec

MOST = 200
SECONDS = (0.05, 1.0)  # from loading the images to some steps
WRITES = (8, 30)


class Killer:
    """Counts what is done to files, and kills the process before or after one of them."""

    def __init__(self, left: int, is_before: bool) -> None:
        self._left = left
        self._is_before = is_before

    def set_up(self) -> None:
        """Begin to count."""
        for module, name in ((os, "fsync"), (os, "replace"), (os, "rename"), (os, "truncate"), (os, "unlink")):
            self._watch(module, name)
        self._watch(Path, "write_bytes")

    def _watch(self, module: Any, name: str) -> None:
        call: Callable[..., Any] = getattr(module, name)

        def counted(*arguments: Any, **options: Any) -> Any:
            self._left -= 1
            if not self._left and self._is_before:
                os.kill(os.getpid(), signal.SIGKILL)
            result = call(*arguments, **options)
            if not self._left:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        setattr(module, name, counted)


class Timer:
    """Kills the process after some seconds, wherever it is: nothing handles the signal."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def set_up(self) -> None:
        """Begin to count."""
        signal.setitimer(signal.ITIMER_REAL, self._seconds)


def child(work: Callable[[], object]) -> int:
    """The exit code of a process that does the work: 0, or minus the signal that killed it."""
    process = os.fork()
    if process:
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    code = 1
    try:
        work()
        code = 0
    except BaseException:
        traceback.print_exc()  # the process ends here and prints no more
    finally:
        os._exit(code)


def run(spec: Path, folder: Path, killer: Killer | Timer | None) -> None:
    """Run it, or resume it."""
    if killer:
        killer.set_up()
    run_spec(load_spec(spec), RunFolder(folder), resume=folder.exists(), checkpoint_every=0)


def drawn(number: int, chance: random.Random) -> Killer | Timer:
    """What kills the process this time, by the number of kills so far."""
    if number % 3 == 0:
        return Timer(chance.uniform(*SECONDS))
    return Killer(chance.randint(*WRITES), chance.random() < 0.5)


def main() -> None:
    """See above."""
    spec, folder, seed = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    load_spec(spec)  # so that modules are imported only once
    chance, kills = random.Random(seed), {-signal.SIGKILL: 0, -signal.SIGALRM: 0}
    code: int = -signal.SIGKILL
    while code in kills and sum(kills.values()) < MOST:
        code = child(partial(run, spec, folder / "killed", drawn(sum(kills.values()), chance)))
        if code in kills:
            kills[code] += 1
    print(*kills.values())
    sys.exit(code or child(partial(run, spec, folder / "whole", None)))


if __name__ == "__main__":
    main()
