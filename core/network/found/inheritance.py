"""What a found network inherits from the supernet."""

from collections.abc import Iterator, Mapping

from torch import nn

from qnas.core.components import FakeQuantizer
from qnas.core.errors import QnasError
from qnas.core.network.candidate import Candidate
from qnas.core.network.convolution import QuantizedActivation, QuantizedConv2d
from qnas.core.network.mixing.mixed import MixedActivation, MixedConv2d, MixedSlot, WidthMixture
from qnas.core.network.reparameterization import fused_state
from qnas.core.network.slot import FilledSlot
from qnas.core.settings import Widths


def inherit_weights(found: nn.Module, mixed: nn.Module, choices: Mapping[str, Candidate]) -> None:
    """Copy into ``found`` the weights that its layers have in the supernet ``mixed``.

    Its quantizers keep their own state (see :func:`ancestors`).

    Raises:
        QnasError: The supernet lacks the weights of a convolution.
    """
    source = fused_state(mixed)
    wanted = found.state_dict()
    prefixes = {f"{path}.operation.": _home(mixed, path, choices[path]) for path in choices}
    copied = {}
    for key, value in wanted.items():
        path = next((old for old in prefixes if key.startswith(old)), "")
        name = prefixes[path] + key.removeprefix(path) if path else key
        if name in source and source[name].shape == value.shape:
            copied[key] = source[name]
    lacking = [
        f"{path}.{name}"
        for path, module in found.named_modules()
        if isinstance(module, nn.Conv2d)
        for name, _ in module.named_parameters(recurse=False)
        if f"{path}.{name}" not in copied
    ]
    if lacking:
        raise QnasError(f"the supernet has no weights for {', '.join(lacking)}")
    found.load_state_dict(copied, strict=False)


def _home(mixed: nn.Module, path: str, candidate: Candidate) -> str:
    return f"{path}.operations.{_mixed_slot(mixed, path).components.index(candidate.operation)}."


def _mixed_slot(mixed: nn.Module, path: str) -> MixedSlot:
    slot = mixed.get_submodule(path)
    if not isinstance(slot, MixedSlot):
        raise TypeError(f"'{path}' holds no candidates")
    return slot


def ancestors(
    found: nn.Module, mixed: nn.Module, choices: Mapping[str, Candidate]
) -> dict[FakeQuantizer, FakeQuantizer]:
    """Maps the quantizers of ``found`` to those of the supernet for the chosen bit-width in the same places.

    There are none if the search had no quantizer for a single width, as with noise.
    """
    pairs: dict[FakeQuantizer, FakeQuantizer] = {}
    for path, candidate in choices.items():
        filled, slot = found.get_submodule(path), _mixed_slot(mixed, path)
        if isinstance(filled, FilledSlot) and candidate.widths is not None:
            searched = slot.operations[slot.components.index(candidate.operation)]
            mixtures = {**_mixtures("activation", slot.activation), **_mixtures("operation", searched)}
            for name, module in filled.named_modules():
                mixture = mixtures.get(name)
                if mixture is not None:
                    pairs.update(_pair(module, mixture, candidate.widths))
    return pairs


def _mixtures(home: str, searched: nn.Module) -> dict[str, WidthMixture]:
    """The mixtures of a slot by the paths that their layers have once the slot is filled."""
    found = {}
    for name, module in searched.named_modules(prefix=home):
        if isinstance(module, MixedConv2d):
            found[name] = module.weight_mixture
        elif isinstance(module, MixedActivation):
            found[name] = module.mixture
    return found


def _pair(layer: nn.Module, mixture: WidthMixture, widths: Widths) -> Iterator[tuple[FakeQuantizer, FakeQuantizer]]:
    if isinstance(layer, QuantizedConv2d):
        quantizer, ancestor = layer.weight_quantizer, mixture.at(widths.weight)
    elif isinstance(layer, QuantizedActivation):
        quantizer, ancestor = layer.quantizer, mixture.at(widths.activation)
    else:
        return
    if ancestor is not None:
        yield quantizer, ancestor
