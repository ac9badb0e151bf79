"""The contract of spaces."""

import random
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from qnas.core.components import FLOAT, FLOAT_BITS, Cost, Operation, Quantizer, Space, Widths
from qnas.core.engine.evaluate import calibrate
from qnas.core.network import (
    Architecture,
    Candidate,
    QuantizedConv2d,
    Supernet,
    build_found,
    count_found,
    count_space,
    find_slots,
    one_hot,
    slot_candidates,
)
from qnas.testing.gradients import assert_gradients, assert_repeatable

Candidates = Mapping[str, Sequence[Candidate]]
Choices = Mapping[str, Candidate]
_IMAGES = 2
_SIZE = (17, 22)
_TRIES = 2


def check_space(reference: Space | str | Mapping[str, Any], *, seed: int = 0) -> None:
    """Check that a space keeps its contract, at every scale that it claims.

    It is read again from what it writes. It builds, and gives an image of the right size; it can be filled with its
    original operations, with any of its candidates and with all of them at once. Its cost is what is counted by hand,
    layer by layer, and what the search expects. An architecture of it survives JSON, down to the network's output.
    Gradients reach every parameter; in evaluation it gives the same again.

    Args:
        reference: A space, or its name, or a mapping of its name and fields. Choose them small: it is run.
        seed: Decides which architectures are tried.

    Raises:
        AssertionError: It breaks its contract.
    """
    space = _readable(reference)
    assert space.scales, "it claims no scale"
    for scale in sorted(space.scales):
        torch.manual_seed(seed)
        candidates = slot_candidates(space, scale)
        drawn = [_drawn(candidates, random.Random(f"{seed} {i}")) for i in range(_TRIES)]
        for chosen in [*drawn, *_originals(space, scale)]:
            _check_found(space, scale, chosen)
        for chosen in drawn:
            _check_round_trip(space, scale, chosen)
            _check_expected_cost(space, scale, candidates, chosen)
        _check_supernet(space, scale)


def _readable(reference: Space | str | Mapping[str, Any]) -> Space:
    space: Space = Space.of(reference)
    again: Space = Space.of(space.reference())
    assert again == space, f"what it writes, {space.reference()}, is read again as another space"
    assert hash(again) == hash(space), "its fields must be hashable: tuples, not lists"
    return space


def _drawn(candidates: Candidates, pick: random.Random) -> Choices:
    return {path: pick.choice(options) for path, options in candidates.items()}


def _originals(space: Space, scale: int) -> list[Choices]:
    """The original network in float and at 4 bits, where the slots can hold their original operations."""
    native = Operation.of("native")
    with torch.device("meta"):
        slots = find_slots(space.build(scale))
    if any(native.unfit(shape) for shape in slots.values()):
        return []
    quantized = {path: native.is_quantized_in(shape) for path, shape in slots.items()}
    return [
        {path: Candidate(native, widths if is_quantized else None) for path, is_quantized in quantized.items()}
        for widths in (FLOAT, Widths(4, 4))
    ]


def _image() -> Tensor:
    return torch.rand(_IMAGES, 3, *_SIZE, generator=torch.Generator().manual_seed(0))


def _check_output(output: Tensor, scale: int) -> None:
    wanted = (_IMAGES, 3, _SIZE[0] * scale, _SIZE[1] * scale)
    assert output.shape == wanted, f"at scale {scale} its output is {tuple(output.shape)}, not {wanted}"
    assert output.isfinite().all(), f"at scale {scale} its output has values that are not finite"


def _check_found(space: Space, scale: int, chosen: Choices) -> None:
    network, image = build_found(space, scale, chosen, Quantizer.of("lsq")), _image()
    calibrate(network, lambda: network(image))
    _check_output(network(image), scale)
    _check_count(space, scale, chosen, network)
    assert_gradients(network.train(), lambda: network(image))
    assert_repeatable(network, lambda: network(image))


def _check_count(space: Space, scale: int, chosen: Choices, network: nn.Module) -> None:
    """The BitOps that are counted are those of the layers as they really run, on one image."""
    bitops = 0

    def note(module: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal bitops
        applied = given[0] if isinstance(module, nn.ConvTranspose2d) else output
        channels = applied.shape[-1 if isinstance(module, nn.Linear) else 1]
        weight, activation = module.widths if isinstance(module, QuantizedConv2d) else (FLOAT_BITS, FLOAT_BITS)
        bitops += module.get_parameter("weight").numel() * (applied.numel() // channels) * weight * activation

    layers = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d | nn.Linear)]
    handles = [layer.register_forward_hook(note) for layer in layers]
    with torch.no_grad():
        network.eval()(_image()[:1])
    for handle in handles:
        handle.remove()
    counted = count_found(space, scale, chosen, Quantizer.of("lsq"), _SIZE)
    total = sum(map(Cost.of("bitops").of_convolution, counted))
    assert total == bitops, f"{total} BitOps are counted of a network that has {bitops}"


def _check_round_trip(space: Space, scale: int, chosen: Choices) -> None:
    before = Architecture.from_candidates(space, scale, chosen)
    after = Architecture.from_json(before.to_json())
    assert after == before, "its architecture is another once it was written to JSON and read again"
    first, second = before.build(Quantizer.of("lsq")), after.build(Quantizer.of("lsq"))
    second.load_state_dict(first.state_dict())
    image = _image()
    with torch.no_grad():
        assert torch.equal(first.eval()(image), second.eval()(image)), "its architecture builds another network again"


def _check_expected_cost(space: Space, scale: int, candidates: Candidates, chosen: Choices) -> None:
    bitops, lsq = Cost.of("bitops"), Quantizer.of("lsq")
    expected = int(count_space(space, scale, lsq).table(bitops).expected(one_hot(candidates, chosen)))
    found = sum(map(bitops.of_convolution, count_found(space, scale, chosen, lsq)))
    assert expected == found, f"the search expects {expected} BitOps of a network that has {found}"


def _check_supernet(space: Space, scale: int) -> None:
    supernet, image = Supernet(space, scale, Quantizer.of("noise")), _image()
    probabilities = supernet.probabilities().detach()
    assert_gradients(supernet.network.train(), lambda: supernet(image, probabilities))
    assert_repeatable(supernet, lambda: supernet(image, probabilities))
    _check_output(supernet(image, probabilities), scale)
