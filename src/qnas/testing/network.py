"""What the networks of a space must do, whatever fills their slots."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from qnas.core.components import Operation, Quantizer, SlotShape, Space
from qnas.core.network import (
    Architecture,
    Candidate,
    FilledSlot,
    QuantizedActivation,
    Supernet,
    build_found,
    count_found,
    find_slots,
    open_network,
)
from qnas.core.network.calibration import calibrate
from qnas.core.settings import FLOAT, Widths
from qnas.testing.counting import COUNTING, assert_counted, assert_nothing_hidden
from qnas.testing.gradients import assert_gradients, assert_reached, assert_repeatable

Choices = Mapping[str, Candidate]
SIZE = (17, 22)
_IMAGES = 2
_TRIES = 8  # because a ReLU may let nothing through by chance
_NOT_COUNTED = "not counted"


def check_network(space: Space, scale: int) -> None:
    """Check the original network, in float and at 4 bits, and the supernet."""
    for chosen in originals(space, scale):
        check_found(space, scale, chosen)
        check_round_trip(space, scale, chosen)
    check_supernet(space, scale)


def check_found(space: Space, scale: int, chosen: Choices) -> None:
    """Check that the found network runs, costs what is counted, and can be trained."""
    network, image = build_found(space, scale, chosen, Quantizer.of("lsq")), _image()
    calibrate(network, lambda: network(image))
    _check_output(network(image), scale)
    assert_counted(count_found(space, scale, chosen, Quantizer.of(COUNTING), SIZE), network, image[:1])
    if not any(_NOT_COUNTED in notice for notice in space.notices(scale)):
        assert_nothing_hidden(network, image[:1], attention=True)
    assert_unsigned(_slots(space, scale), network, image)
    assert_gradients(network.train(), lambda: network(image))
    assert_repeatable(network, lambda: network(image))


def check_float(space: Space, scale: int, chosen: Choices) -> None:
    """Check that the found network in float depends on its input, and that training reaches every parameter."""

    def make() -> nn.Module:
        return build_found(space, scale, chosen, Quantizer.of("none"))

    assert any(_depends(make()) for _ in range(_TRIES)), "its output does not depend on the image"
    assert_reached(make, lambda: torch.rand(_IMAGES, 3, *SIZE))


def check_round_trip(space: Space, scale: int, chosen: Choices) -> None:
    """Check that the architecture survives JSON, down to the network's output."""
    before = Architecture.from_candidates(space, scale, chosen)
    after = Architecture.from_json(before.to_json())
    assert after == before, "its architecture changes when it is written to JSON and read again"
    first, second = before.build(Quantizer.of("lsq")), after.build(Quantizer.of("lsq"))
    second.load_state_dict(first.state_dict())
    image = _image()
    with torch.no_grad():
        is_same = torch.equal(first.eval()(image), second.eval()(image))
        assert is_same, "its architecture builds a different network after it was written and read again"


def check_supernet(space: Space, scale: int) -> None:
    """Check that the network that holds all candidates runs and can be trained."""
    supernet, image = Supernet(space, scale, Quantizer.of("noise")), _image()
    probabilities = supernet.probabilities().detach()
    assert_gradients(supernet.network.train(), lambda: supernet(image, probabilities))
    assert_repeatable(supernet, lambda: supernet(image, probabilities))
    _check_output(supernet(image, probabilities), scale)


def _depends(network: nn.Module) -> bool:
    """Whether the output differs for different images."""
    with torch.no_grad():
        first, second = network.eval()(_image())
    return not torch.equal(first, second)


def assert_unsigned(slots: Mapping[str, SlotShape], network: nn.Module, image: Tensor) -> None:
    """The input of a slot is never negative if the slot says so: an unsigned grid has no negative values."""
    lowest: dict[str, float] = {}
    handles = []
    for path, shape in slots.items():
        filled = network.get_submodule(path)
        if isinstance(filled, FilledSlot) and isinstance(filled.activation, QuantizedActivation) and not shape.signed:
            before_rounding = filled.activation.activation

            def note(_: nn.Module, __: object, output: Tensor, path: str = path) -> None:
                lowest[path] = float(output.min())

            handles.append(before_rounding.register_forward_hook(note))
    with torch.no_grad():
        network.eval()(image)
    for handle in handles:
        handle.remove()
    for path, least in lowest.items():
        assert least >= 0, f"its slot '{path}' reads {least:.3g}, but says that its input is never negative"


def originals(space: Space, scale: int) -> list[Choices]:
    """The original network in float and at 4 bits, if the slots can hold their original operations."""
    native, slots = Operation.of("native"), _slots(space, scale)
    if any(native.unfit(shape) for shape in slots.values()):
        return []
    quantized = {path: native.is_quantized_in(shape) for path, shape in slots.items()}
    return [
        {path: Candidate(native, widths if is_quantized else None) for path, is_quantized in quantized.items()}
        for widths in (FLOAT, Widths(4, 4))
    ]


def _slots(space: Space, scale: int) -> dict[str, SlotShape]:
    with torch.device("meta"):
        return find_slots(open_network(space, scale))


def _image() -> Tensor:
    return torch.rand(_IMAGES, 3, *SIZE, generator=torch.Generator().manual_seed(0))


def _check_output(output: Tensor, scale: int) -> None:
    wanted = (_IMAGES, 3, SIZE[0] * scale, SIZE[1] * scale)
    assert output.shape == wanted, f"its output is {tuple(output.shape)}, not {wanted}"
    assert output.isfinite().all(), "its output has values that are not finite"
