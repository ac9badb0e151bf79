"""A batch of images or runs: one that fails does not stop the others, and is named at the end."""

import contextlib
import errno
from collections.abc import Iterator

from qnas.core.drawing.wording import plural
from qnas.core.errors import QnasError, first_line, is_out_of_memory

_OF_ITS_NAME = {errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ}


class Failures:
    """What failed of a batch, and why.

    Args:
        of: What the batch consists of, in the singular.

    Attributes:
        reasons: A line for each one that failed, by its name.
    """

    def __init__(self, of: str = "image") -> None:
        self.reasons: dict[str, str] = {}
        self._of = of

    @contextlib.contextmanager
    def noted(self, name: str) -> Iterator[None]:
        """Note what goes wrong with the one called ``name`` inside this context.

        Raises:
            OSError: The others would fail too, as on a full disk.
        """
        try:
            yield
        except OSError as error:
            if error.errno not in _OF_ITS_NAME:
                raise
            self.reasons[name] = _named(name, error.strerror or str(error))
        except QnasError as error:
            self.reasons[name] = _named(name, str(error))
        except Exception as error:  # of one alone, whatever a network or a damaged file raises
            said = "needs more memory than there is" if is_out_of_memory(error) else first_line(error)
            self.reasons[name] = _named(name, said)

    def refuse(self, what: str, total: int) -> None:
        """Raise if any failed.

        Args:
            what: What was not done, such as ``not enlarged``.
            total: How many there were.

        Raises:
            QnasError: It names each one that failed.
        """
        if self.reasons:
            header = f"{what}: {len(self.reasons)} of {plural(total, self._of)}"
            raise QnasError("\n".join([header, *self.reasons.values()]))


def _named(name: str, reason: str) -> str:
    """The reason, with the full name in front unless it has it already."""
    said_of, _, rest = reason.partition(": ")
    if rest and name.endswith(said_of):
        return f"{name}: {rest}"
    return reason if name in reason else f"{name}: {reason}"
