"""What a found network costs and still computes in float, as result.json states it."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from qnas.core.components import Cost, Quantizer
from qnas.core.network import Architecture, count_choices, float_work_of
from qnas.core.run.names import RENAMED

SIZES = ((32, 32), (256, 256))


def found_sizes(architecture: Architecture, quantizer: Quantizer, costs: Mapping[str, Cost]) -> dict[str, Any]:
    """Each cost by its name, and ``float_work``; what depends on the size of the image is stated by LR size.

    Args:
        architecture: The found architecture.
        quantizer: That it is trained with.
        costs: What is counted, by name.
    """
    space, scale, chosen = architecture.space.restored(), architecture.scale, architecture.candidates()
    counts = {f"{h}x{w}": count_choices(space, scale, chosen, quantizer, (h, w)) for h, w in SIZES}
    smallest = next(iter(counts.values()))
    priced = {
        name: {size: count.total(cost) for size, count in counts.items()} if cost.per_image else smallest.total(cost)
        for name, cost in costs.items()
    }
    return {
        **priced,
        **{before: priced[now] for before, now in RENAMED.items() if now in priced},
        "float_work": {f"{h}x{w}": asdict(float_work_of(space, scale, chosen, quantizer, (h, w))) for h, w in SIZES},
    }


def limits_used(limits: Mapping[str, int], sizes: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """Each limit, and what the found network uses of it.

    Args:
        limits: By the cost's name.
        sizes: What the network costs, as :func:`found_sizes` returns it.
    """
    smallest = f"{SIZES[0][0]}x{SIZES[0][1]}"
    costs = {name: sizes[name] for name in limits}
    used = {name: cost[smallest] if isinstance(cost, Mapping) else cost for name, cost in costs.items()}
    return {name: {"limit": limit, "used": used[name]} for name, limit in limits.items()}
