"""The interface of targets: the runtimes that a found network can leave PyTorch for."""

import importlib.metadata
from abc import abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import numpy.typing as npt

from qnas.core.components.component import Component
from qnas.core.errors import InputError

if TYPE_CHECKING:
    from torch.export import ExportedProgram

Values = npt.NDArray[np.float32]
Runtime = Callable[[Values], Values]
"""A file that is loaded: it enlarges (1, 3, H, W), RGB in 0..1, to (1, 3, H * scale, W * scale)."""


class Target(Component):
    """Writes a found network for one runtime, and runs what it wrote.

    Attributes:
        suffix: Of its files, with the dot.
        requires: The distributions that it needs.
        extra: The extra of qnas that installs them, if there is one.
        any_size: Whether a file can take images of any size.
        between: The widths that it can run between the slots; None stands for float.
        fills: The one that a network for it has by default.
        native_bits: The widths that the runtime computes with. At others it computes with the next that is wider:
            exact and smaller to store, but no faster.
        native_source: Where that is documented.
    """

    kind = "target"
    suffix: ClassVar[str]
    requires: ClassVar[tuple[str, ...]] = ()
    extra: ClassVar[str] = ""
    any_size: ClassVar[bool] = True
    between: ClassVar[frozenset[int | None]] = frozenset({None, 8, 16})
    fills: ClassVar[int | None] = None
    native_bits: ClassVar[frozenset[int]] = frozenset({8})
    native_source: ClassVar[str] = ""

    @abstractmethod
    def write(self, program: "ExportedProgram", path: Path) -> None:
        """Write a network to a file.

        Args:
            program: The network from ``lr`` (1, 3, H, W), RGB in 0..1, to (1, 3, H * scale, W * scale), in PyTorch's
                own quantized form: integer weights and activations stand between ``torch.ops.quantized_decomposed``
                operators. H and W are fixed or symbols.
            path: Of the file, which does not exist.

        Raises:
            InputError: The runtime has no form for something in it; the message names that.
        """

    @abstractmethod
    def load(self, path: Path, threads: int = 0) -> Runtime:
        """Load a file that :meth:`write` wrote.

        Args:
            path: Of the file.
            threads: How many the runtime may use; 0 for as many as it likes.
        """

    def settings(self) -> Mapping[str, str]:
        """What :meth:`load` sets in the runtime that it does not set by itself, by the runtime's names."""
        return {}

    def unfit(self, between: int | None) -> str:
        """Why it can't run a network with so many bits between its slots (None for float), or ``""``."""
        if between in self.between:
            return ""
        can = " or ".join(map(_in_words, sorted(self.between, key=str)))
        return f"'{self.known_as}' needs {can} between the slots, and the network has {_in_words(between)} there"

    def versions(self) -> dict[str, str]:
        """The version of each distribution that it requires.

        Raises:
            InputError: One is not installed; the message says what installs it.
        """
        try:
            return {name: importlib.metadata.version(name) for name in self.requires}
        except importlib.metadata.PackageNotFoundError as error:
            what = f"'qnas[{self.extra}]'" if self.extra else error.name
            raise InputError(
                f"the target '{self.known_as}' needs {error.name}, which is not installed: pip install {what}"
            ) from None


def _in_words(bits: int | None) -> str:
    return "floats" if bits is None else f"{bits} bits"
