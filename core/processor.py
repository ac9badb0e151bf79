"""The processor of this machine."""

import platform
from pathlib import Path

_PROCESSORS = Path("/proc/cpuinfo")


def processor_name() -> str:
    """The name of the processor, as far as the system says it."""
    lines = _PROCESSORS.read_text().splitlines() if _PROCESSORS.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or instruction_set()


def instruction_set() -> str:
    """What the processor runs, such as ``x86_64``."""
    return platform.processor() or platform.machine()
