"""Runs a spec over and over, each time killed at some write, until it has come to its end; then once without a kill.

    python killed_at_writes.py SPEC FOLDER SEED

The run that was killed is in FOLDER/killed, the other in FOLDER/whole. It prints how many times it was killed.
"""

import os
import random
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qnas.core.engine import RunFolder, run_spec
from qnas.core.spec import load_spec

MOST = 200


class Killer:
    """Counts what is done to files, and kills the process before or after one of them."""

    def __init__(self, left: int, is_before: bool) -> None:
        self._left = left
        self._is_before = is_before

    def watch(self, module: Any, name: str) -> None:
        """Count the calls of a function."""
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


def child(work: Callable[[], object]) -> int:
    """How a process ends that does the work: 0, or minus the signal that it was killed by."""
    process = os.fork()
    if process:
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    code = 1
    try:
        work()
        code = 0
    except BaseException:
        traceback.print_exc()  # the process ends here and says no more
    finally:
        os._exit(code)


def run(spec: Path, folder: Path, killer: Killer | None) -> None:
    """Run it, or go on with it."""
    if killer:
        for module, name in ((os, "fsync"), (os, "replace"), (os, "rename"), (os, "truncate"), (os, "unlink")):
            killer.watch(module, name)
        killer.watch(Path, "write_bytes")
    run_spec(load_spec(spec), RunFolder(folder), resume=folder.exists(), checkpoint_every=0)


def main() -> None:
    """See above."""
    spec, folder, seed = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    load_spec(spec)  # so that what it imports is imported once
    chance, kills = random.Random(seed), 0
    code = -signal.SIGKILL
    while code == -signal.SIGKILL and kills < MOST:
        killer = Killer(chance.randint(8, 70), chance.random() < 0.5)
        code = child(lambda killer=killer: run(spec, folder / "killed", killer))
        kills += code == -signal.SIGKILL
    print(kills)
    sys.exit(code or child(lambda: run(spec, folder / "whole", None)))


if __name__ == "__main__":
    main()
