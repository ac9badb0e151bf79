"""How large a found network is: its cost by every count, and its bytes."""

from dataclasses import asdict
from typing import Any

from torch import nn

from qnas.core.components import ConvolutionShape, Cost, Quantizer
from qnas.core.network import Architecture, count_found, float_work_of

SIZES = ((32, 32), (256, 256))


def found_sizes(architecture: Architecture, quantizer: Quantizer, network: nn.Module) -> dict[str, Any]:
    """``bitops``, ``macs`` and ``float_work`` by LR size, ``params`` and ``size_bytes``.

    Args:
        architecture: The found architecture.
        quantizer: That it is trained with.
        network: The network built from it.
    """
    space, scale, chosen = architecture.space.restored(), architecture.scale, architecture.candidates()
    counts = {f"{h}x{w}": count_found(space, scale, chosen, quantizer, (h, w)) for h, w in SIZES}
    smallest = next(iter(counts.values()))
    return {
        "bitops": {size: total("bitops", count) for size, count in counts.items()},
        "macs": {size: total("macs", count) for size, count in counts.items()},
        "float_work": {f"{h}x{w}": asdict(float_work_of(space, scale, chosen, quantizer, (h, w))) for h, w in SIZES},
        "params": total("params", smallest),
        "size_bytes": size_bytes(smallest, network),
    }


def total(cost: str, convolutions: list[ConvolutionShape]) -> int:
    """What these convolutions cost together, by a registered cost."""
    return sum(map(Cost.of(cost).of_convolution, convolutions))


def size_bytes(convolutions: list[ConvolutionShape], network: nn.Module) -> int:
    """Bytes of all weights at their widths, of everything else in float32."""
    convolutions = [c for c in convolutions if not c.repeated]
    weights = sum(c.weights for c in convolutions)
    values = {id(value): value for value in network.state_dict(keep_vars=True).values()}  # what is shared, once
    everything: int = sum(value.numel() for value in values.values())
    packed_bits = sum(c.weights * c.weight_bits for c in convolutions)
    return (packed_bits + 7) // 8 + 4 * (everything - weights)
