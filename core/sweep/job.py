"""The file that says where a point's run was submitted, and how that stands: ``logs/<point>.json``."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from qnas.core.errors import InputError
from qnas.core.files.atomic import write_atomically


@dataclass(frozen=True)
class Job:
    """The last job of a point.

    Attributes:
        launcher: The name of the launcher that submitted it.
        name: What the launcher calls it.
        state: ``queued``, ``running``, ``ended`` or ``failed``.
        reason: Why it failed.
        since: When it was submitted, in seconds of the epoch.
        said_before: Bytes in the log that are not from it.
    """

    launcher: str
    name: str
    state: str = "queued"
    reason: str = ""
    since: float = 0.0
    said_before: int = 0

    @property
    def is_over(self) -> bool:
        """Whether whoever followed it saw it end."""
        return self.state in {"ended", "failed"}

    def now(self, state: str, reason: str = "") -> "Job":
        """The same in another state."""
        return replace(self, state=state, reason=reason)

    def write(self, path: Path) -> None:
        """Write it down."""
        write_atomically(path, json.dumps(asdict(self)).encode())


def read_job(path: Path) -> Job | None:
    """The job in a file; None where there is none.

    Raises:
        InputError: The file is damaged.
    """
    if not path.is_file():
        return None
    try:
        job = Job(**json.loads(path.read_bytes()))
        if all(isinstance(text, str) for text in (job.launcher, job.name, job.state, job.reason)):
            return replace(job, since=float(job.since), said_before=int(job.said_before))
    except (OSError, ValueError, TypeError):
        pass
    raise InputError("is damaged: remove it if the run that it is about is not under way", str(path))
