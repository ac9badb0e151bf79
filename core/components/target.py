"""The interface of targets: the runtimes that found networks are exported to."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
import numpy.typing as npt

from qnas.core.components.component import Component
from qnas.core.components.requirements import versions_of
from qnas.core.settings.lr_sizes import LrSize, Size, how_to_name, lr_size

if TYPE_CHECKING:
    from torch.export import ExportedProgram

Values = npt.NDArray[np.float32]
Runtime = Callable[[Values], Values]
"""A loaded file: it enlarges (1, 3, H, W), RGB in 0..1, to (1, 3, H * scale, W * scale)."""


class Target(Component):
    """Writes a found network for one runtime, and runs what it wrote.

    Attributes:
        suffix: Suffix of its files, with the dot.
        requires: Distributions that it needs.
        extra: The extra of qnas that installs them, if there is one.
        any_size: Whether a file can take images of any size.
        between: Bit-widths that it can have between the slots; None stands for float.
        fills: The one that networks for it have by default.
        signed: Whether it knows signed integers only, so that networks for it have no others by default.
        checked_in: The runtime that :meth:`load` takes instead, where the target's own is found on its devices only.
            What is proven is then the graph.
        native_bits: Bit-widths that the runtime computes with. It computes with the next wider one for any other:
            exact and smaller to store, but no faster.
        native_source: Where that is documented.
        size: Height and width of the LR images that a file takes, such as ``256x256``, or the frame that they become,
            such as ``720p``; by default any.
    """

    kind = "target"
    suffix: ClassVar[str]
    requires: ClassVar[tuple[str, ...]] = ()
    extra: ClassVar[str] = ""
    any_size: ClassVar[bool] = True
    between: ClassVar[frozenset[int | None]] = frozenset({None, 8, 16})
    fills: ClassVar[int | None] = None
    signed: ClassVar[bool] = False
    checked_in: ClassVar[str] = ""
    native_bits: ClassVar[frozenset[int]] = frozenset({8})
    native_source: ClassVar[str] = ""

    size: LrSize | None = None

    @abstractmethod
    def write(self, program: "ExportedProgram", path: Path) -> None:
        """Write a network to a file.

        Args:
            program: The network from ``lr`` (1, 3, H, W), RGB in 0..1, to (1, 3, H * scale, W * scale), in PyTorch's
                own quantized form: integer weights and activations stand between ``torch.ops.quantized_decomposed``
                operators. H and W are fixed, or symbols if ``any_size`` is true.
            path: Where to write it; nothing is there yet.

        Raises:
            InputError: The runtime can't run something in the network; the message names it.
        """

    @abstractmethod
    def load(self, path: Path, threads: int = 0) -> Runtime:
        """Load a file that :meth:`write` wrote.

        Args:
            path: The file.
            threads: How many threads the runtime may use; 0 leaves that to the runtime.
        """

    def settings(self) -> Mapping[str, str]:
        """The settings in which :meth:`load` differs from the runtime's defaults, by the runtime's own names."""
        return {}

    @property
    def proof(self) -> str:
        """What is run to prove its files: ``run``, or ``graph-checked`` where that is another runtime."""
        return "graph-checked" if self.checked_in else "run"

    def unfit(self, between: int | None) -> str:
        """Why it can't run a network with this many bits between its slots (None for float), or ``""``."""
        if between in self.between:
            return ""
        can = " or ".join(map(_in_words, sorted(self.between, key=str)))
        way = "" if between is not None or None in self.between else " (qnas derive --between 8 tunes it for that)"
        return f"'{self.known_as}' needs {can} between the slots, but the network has {_in_words(between)} there{way}"

    def untimed(self) -> str:
        """Why no network can be timed in it here, or ``""``."""
        if not self.checked_in:
            return ""
        why = f"{self.checked_in} runs its files here, not the runtime that they are for"
        return f"'{self.known_as}' can't be timed: {why}"

    def unfit_size(self, size: Size | None) -> str:
        """Why it can't have a file for images of this size (None for any), or ``""``."""
        if size is not None or self.any_size:
            return ""
        return f"a file for '{self.known_as}' takes images of one size: name it ({how_to_name(self.known_as)})"

    def size_at(self, scale: int) -> Size | None:
        """Height and width of the LR images that its files take, None for any.

        Args:
            scale: The factor that they are enlarged by.
        """
        return None if self.size is None else lr_size(self.size, scale)

    def sized(self, size: str | None) -> Self:
        """A copy whose files take images of another size, None for any."""
        return self.model_copy(update={"size": size})

    @classmethod
    def remark(cls) -> str:
        """See :meth:`Component.remark`: what it computes on."""
        source = f" ({cls.native_source})" if cls.native_source else ""
        return f"It computes on {cls.native_words()}{source}."

    @classmethod
    def native_words(cls) -> str:
        """The bit-widths that it computes with: ``8 bits``, ``4 or 8 bits``, ``2 to 16 bits``."""
        widths = sorted(cls.native_bits)
        if len(widths) > 2 and widths[-1] - widths[0] == len(widths) - 1:
            return f"{widths[0]} to {widths[-1]} bits"
        return f"{' or '.join(map(str, widths))} bits"

    def versions(self) -> dict[str, str]:
        """The version of each distribution that it requires.

        Raises:
            InputError: One is not installed; the message says how to install it.
        """
        return versions_of(f"the target '{self.known_as}'", self.requires, self.extra)


def _in_words(bits: int | None) -> str:
    return "floats" if bits is None else f"{bits} bits"
