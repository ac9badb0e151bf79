"""Spaces whose networks can start from a file of weights."""

from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

from pydantic import PrivateAttr
from torch import nn

from qnas.core.components import Space
from qnas.core.errors import from_field
from qnas.core.files.home import at_home, home
from qnas.spaces.foreign.checkpoint import Scales
from qnas.spaces.foreign.naming import Names
from qnas.spaces.foreign.start import OWN, load_start, start_state


class FromFile(Space):
    """A space that has the field ``weights``: ``fresh``, or what its networks start from, such as a file.

    A run keeps a copy of the file's weights, and takes them from there.
    """

    if TYPE_CHECKING:
        weights: str  # each space states it, in its place among its fields

    _home: Path | None = PrivateAttr(default_factory=home)
    _is_restored: bool = PrivateAttr(default=False)

    @property
    def names_file(self) -> bool:
        """Whether ``weights`` is a file."""
        return self.weights not in OWN

    def kept_in(self, folder: Path) -> Self:
        """See :meth:`qnas.Space.kept_in`."""
        with at_home(folder):
            copy = self.model_copy()
            copy._home = home()
        return copy

    def restored(self) -> Self:
        """See :meth:`qnas.Space.restored`."""
        copy = self.model_copy()
        copy._is_restored = True
        return copy

    @property
    def has_weights(self) -> bool:
        """See :attr:`qnas.Space.has_weights`."""
        return self.weights != "fresh"

    @property
    def weights_from(self) -> str:
        """See :attr:`qnas.Space.weights_from`."""
        return self.weights if self.names_file else "the module itself" if self.has_weights else ""

    def fresh(self) -> Self:
        """See :meth:`qnas.Space.fresh`."""
        return self.model_copy(update={"weights": "fresh"})

    def load_start(
        self, network: nn.Module, scale: int, names: Sequence[Names] = (), others: Scales = tuple
    ) -> list[str]:
        """Load what a network starts from, and return what the user should know about it; see :func:`.load_start`."""
        with from_field("weights"):
            return [] if self._is_restored else load_start(network, self.weights, scale, self._home, names, others)

    def start_state(self) -> Hashable:
        """A value that changes whenever a file that :meth:`load_start` reads does."""
        return start_state(self.weights, self._home)
