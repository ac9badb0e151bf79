"""The interface of costs: what a part of a network costs. A network's cost is the sum over its parts."""

import contextlib
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue

from qnas.core.components.component import Component
from qnas.core.registry import plugins

if TYPE_CHECKING:
    from qnas.core.components.target import Target

_OF_SPEC: ContextVar[Mapping[str, "Cost"]] = ContextVar("costs_of_spec", default={})  # noqa: B039 - never changed


@dataclass(frozen=True)
class ConvolutionShape:
    """One convolution as it runs on an image of a stated size.

    Attributes:
        path: Its module path.
        in_channels: Channels in.
        out_channels: Channels out.
        kernel_size: Height and width.
        groups: Groups.
        output_size: Height and width of its output in pixels; of its input for a transposed convolution.
        bias: Whether it adds a bias.
        weight_bits: Bits of a weight, 32 for float.
        activation_bits: Bits of an input value, 32 for float.
        repeated: Whether it ran before, on the same weights.
        images: On how many images it runs for each one that the network is given.
        stride: Vertical and horizontal stride.
        dilation: Vertical and horizontal dilation.
        transposed: Whether it is a transposed convolution.
    """

    path: str
    in_channels: int
    out_channels: int
    kernel_size: tuple[int, int]
    groups: int
    output_size: tuple[int, int]
    bias: bool
    weight_bits: int
    activation_bits: int
    repeated: bool = False
    images: int = 1
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    transposed: bool = False

    @property
    def weights(self) -> int:
        """Number of weights, the bias left out."""
        return self.kernel_size[0] * self.kernel_size[1] * self.in_channels * self.out_channels // self.groups

    @property
    def macs(self) -> int:
        """Multiply-accumulates: ``k_h k_w C_in C_out / groups * H_out W_out``, for each of its images."""
        return self.weights * self.output_size[0] * self.output_size[1] * self.images


@dataclass(frozen=True)
class Part:
    """A part of a network as it runs: one candidate in its slot, or all that lies outside the slots.

    Attributes:
        convolutions: Its convolutions in running order. A candidate that computes nothing has none.
        steps: How many numbers its quantizers round by: steps (scales) and zero points.
        others: How many other numbers it keeps in float, such as a norm's, or a learned factor.
        operation: The name of the candidate's operation; ``""`` outside the slots.
        entrance: What stands before it in its slot, such as ``24 channels, relu``; ``""`` outside the slots.
    """

    convolutions: Sequence[ConvolutionShape] = ()
    steps: int = 0
    others: int = 0
    operation: str = ""
    entrance: str = ""


@dataclass(frozen=True)
class PricedSpace:
    """The networks that a cost is to price.

    Attributes:
        scale: The factor that they enlarge by.
        target: The runtime that they are for, None if the spec names none.
        between: Bits of what stands between their slots, None for float.
        rest: What lies outside the slots, on an LR image of 32 x 32.
        slots: Slot path to each of its candidates, on such an image.
    """

    scale: int
    target: "Target | None"
    between: int | None
    rest: Part
    slots: Mapping[str, Sequence[Part]]


class Cost(Component):
    """Prices the parts of a network. The penalty of the search, the found network and the report all use this price.

    Prices are whole numbers so that sums are exact: where a price is a fraction, count in a smaller unit. A price must
    not depend on ``ConvolutionShape.path``.
    """

    kind = "cost"
    always: ClassVar[bool] = False
    """Whether it is counted for every spec, without being named in ``costs``."""
    order: ClassVar[int] = 100
    """Its place among the costs, the lowest first. The first is what runs are compared over by default."""
    title: ClassVar[str] = ""
    """What it is called in tables and charts; by default, its name."""
    unit: ClassVar[str] = ""
    """Stands behind its values, with a prefix: ``B`` gives ``2.4 kB``, and ``ns`` and ``fJ`` give ``2.4 ms`` and
    ``2.4 nJ``. Without one, they are numbers of ``title``."""
    per_image: ClassVar[bool] = True
    """Whether it depends on the size of the image."""
    by_width: ClassVar[bool] = True
    """Whether it depends on bit-widths."""

    @abstractmethod
    def of_convolution(self, convolution: ConvolutionShape) -> int:
        """What one convolution costs."""

    def of_candidate(self, part: Part) -> int:
        """What a candidate costs in its slot: by default, the sum over its convolutions.

        Another price is for what runs as one, such as fused kernels, or is read from a table.
        """
        return sum(map(self.of_convolution, part.convolutions))

    def of_rest(self, part: Part) -> int:
        """What lies outside the slots costs, the same for all networks of a space: by default, as a candidate's sum.

        It may be a constant, such as one that was measured.
        """
        return sum(map(self.of_convolution, part.convolutions))

    def refuse_unfit(self, space: PricedSpace) -> None:
        """Refuse networks that it has no price for, such as those that a table lacks: by default none.

        Raises:
            InputError: It says what is lacking.
        """
        del space

    @property
    def conditions(self) -> str:
        """What its prices hold for, such as the size of an image, in a few words."""
        return ""

    def measured(self, timings: Sequence[Mapping[str, Any]]) -> float | None:
        """What was measured of a found network in place of its price, None if nothing was: by default nothing.

        Args:
            timings: What ``qnas bench`` noted of the network.
        """
        del timings
        return None

    def keep(self, folder: Path) -> None:
        """Copy into a run's folder what it reads beside its fields: by default nothing."""
        del folder

    def kept_in(self, folder: Path) -> Self:
        """This cost as it takes from a run's folder what :meth:`keep` has left there."""
        del folder
        return self

    @classmethod
    def _resolve(cls, value: Any) -> "Component":
        named = _OF_SPEC.get().get(value) if isinstance(value, str) else None
        return named or super()._resolve(value)

    @classmethod
    def _described(cls, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        made = super()._described(handler)
        by_key = {"type": "string", "description": "A cost of the spec, by its key in costs."}
        return {"anyOf": [*made["anyOf"], by_key]}


def costs_with(more: Mapping[str, Cost] | None = None) -> dict[str, Cost]:
    """The costs that are counted for every spec, and ``more``, by name and in their order.

    One of ``more`` takes the place of that of the same name.
    """
    always = {entry.name: Cost.of(entry.name) for entry, cost in plugins().registries["cost"].loadable() if cost.always}
    return dict(sorted({**always, **(more or {})}.items(), key=lambda item: item[1].order))


@contextlib.contextmanager
def by_key(costs: Mapping[str, Cost]) -> Iterator[None]:
    """A context in which a name stands for the cost that a spec has under that key, if it has one."""
    token = _OF_SPEC.set(costs)
    try:
        yield
    finally:
        _OF_SPEC.reset(token)
