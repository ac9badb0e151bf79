"""Spaces whose slots can start from a file of weights: one of ours, or one of the authors of a known network."""

import functools
from abc import abstractmethod
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, SerializerFunctionWrapHandler, field_validator, model_serializer
from torch import Tensor, nn

from qnas.core.components import ImageStatistic
from qnas.core.errors import as_input_error, from_field
from qnas.core.network import Slot, fill_natively
from qnas.core.network.probing.devices import is_without_values, made_on_cpu, without_values
from qnas.spaces.foreign.checkpoint import values_of
from qnas.spaces.foreign.naming import Names, Naming
from qnas.spaces.foreign.start import keep_start
from qnas.spaces.from_file import FromFile
from qnas.spaces.mean_colour import Colour

_QUANTIZERS = r"(^|\.)(weight_)?quantizer\."
"""Names in a run's weights that a network in float does not have."""


@dataclass(frozen=True)
class _Start:
    """What a network starts from.

    Attributes:
        values: Those of the network whose slots are filled natively, in float, by its names.
        notices: What the user should know about them.
    """

    values: Mapping[str, Tensor]
    notices: Sequence[str]


class WithWeights(FromFile):
    """A space whose network starts from a file of weights, if the user names one. An author writes :meth:`compose`.

    Attributes:
        weights: What the original operations start from, and all that is no slot: ``fresh``, or a file (safetensors,
            or a state dict written by ``torch.save``, which may be inside a checkpoint and have ``module.`` and the
            like before its names): of a run of this space with original operations, such as its ``model.safetensors``,
            or with the names of the network's authors, where the space knows these. The run keeps a copy
            (``start.safetensors``).
        others: What the other operations of a slot start from if the original one has weights: ``fitted`` to what it
            makes of the training images, or ``fresh``.
    """

    unwritten: ClassVar[tuple[str, ...]] = ("weights", "others")
    """Fields that are written only where they differ from their defaults: as qnas wrote them before it had them."""

    weights: Annotated[str, Field(min_length=1)] = "fresh"
    others: Literal["fitted", "fresh"] = "fitted"

    @property
    def subtracted(self) -> Colour | None:
        """The mean colour that the network subtracts from an image, None if none."""
        return None

    @abstractmethod
    def compose(self, scale: int) -> nn.Module:
        """The network with open slots and fresh weights; see :meth:`qnas.Space.build`."""

    def namings(self, scale: int) -> Sequence[Naming]:
        """The names that the network has in the code of its authors."""
        del scale
        return ()

    def build(self, scale: int) -> nn.Module:
        """See :meth:`qnas.Space.build`."""
        network = self.compose(scale)
        if self.names_file and not self._is_restored:
            start = _start(self, scale, self.depends_on())
            if not is_without_values():
                _hand_over(start.values, network, fits_others=self.others == "fitted")
        return network

    def notices(self, scale: int) -> Sequence[str]:
        """See :meth:`qnas.Space.notices`."""
        about = _start(self, scale, self.depends_on()).notices if self.names_file and not self._is_restored else ()
        return [*super().notices(scale), *about]

    def keep(self, folder: Path, scale: int) -> None:
        """See :meth:`qnas.Space.keep`: the weights that the network starts from."""
        super().keep(folder, scale)
        if self.names_file:
            keep_start(_start(self, scale, self.depends_on()).values, folder)

    def depends_on(self) -> Hashable:
        """See :meth:`qnas.Space.depends_on`: the file of weights."""
        return self.start_state()

    @field_validator("weights")
    @classmethod
    def _no_module(cls, value: str) -> str:
        if value == "module":
            raise ValueError("there is no module here: must be 'fresh' or a file of weights")
        return value

    @model_serializer(mode="wrap")
    def _as_before(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = handler(self)
        defaults = {name: type(self).model_fields[name].default for name in self.unwritten}
        left_out = {name for name, value in defaults.items() if getattr(self, name) == value}
        return {name: value for name, value in fields.items() if name not in left_out}


@functools.lru_cache(maxsize=4)
def _start(space: WithWeights, scale: int, _: Hashable) -> _Start:
    """What the space's network starts from, as long as its file stays the same."""
    with made_on_cpu():
        network = _natively(space, scale)
        notices = space.load_start(network, scale, _names(space, network, scale), lambda: _other_scales(space, scale))
    return _Start(values_of(network), notices)


def _natively(space: WithWeights, scale: int) -> nn.Module:
    cause = "it can't start from weights: a slot can't hold its original operation"
    with from_field("weights"), as_input_error(cause):
        return fill_natively(space.compose(scale), bias=space.bias)


def _names(space: WithWeights, network: nn.Module, scale: int) -> list[Names]:
    own = values_of(network)
    # These are running means for networks that are frozen; others measure.
    kept = [f"{path}.mean" for path, module in network.named_modules() if isinstance(module, ImageStatistic)]
    theirs = (replace(naming, our_mean=space.subtracted).of(own, kept) for naming in space.namings(scale))
    return [Names(own, ignored=_QUANTIZERS), *filter(None, theirs)]


def _other_scales(space: WithWeights, scale: int) -> Iterator[tuple[int, list[Names]]]:
    for other in sorted(space.scales - {scale}):
        with without_values():
            names = _names(space, _natively(space, other), other)
        yield other, names


def _hand_over(values: Mapping[str, Tensor], network: nn.Module, *, fits_others: bool) -> None:
    """Let a network with open slots start from the values that it has once these are filled natively."""
    for path, module in network.named_modules():
        if isinstance(module, Slot):
            module.weights = _under(f"{path}.operation.", values)
            module.activation_weights = _under(f"{path}.activation.", values)
            is_one_layer = not any("." in name for name in module.weights)
            module.fits_others = fits_others and is_one_layer  # what they are fitted to is one convolution
    network.load_state_dict({name: values[name] for name in network.state_dict()})


def _under(prefix: str, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in values.items() if name.startswith(prefix)}
