"""Taking a network out of a supernet."""

from collections.abc import Callable, Mapping

from torch import nn

from qnas.core.components import Quantizer, Space
from qnas.core.images.patches import Batch
from qnas.core.network import Candidate, Supernet, ancestors, build_found, inherit_weights
from qnas.core.network.calibration import calibrate
from qnas.core.network.statistics import reestimate


def derive(
    space: Space,
    scale: int,
    chosen: Mapping[str, Candidate],
    supernet: Supernet,
    quantizer: Quantizer,
    batch: Batch,
    draw: Callable[[], Batch],
) -> nn.Module:
    """The network of these candidates with what the supernet learned, in evaluation mode.

    Its running statistics are its own, for those of the supernet are of the mixture; then it is calibrated.

    Args:
        space: Where it was found.
        scale: The factor of super-resolution.
        chosen: What it holds.
        supernet: What it takes its weights from.
        quantizer: Quantizes it.
        batch: What it is calibrated on.
        draw: The next of the batches that its statistics are estimated on; not called if it has none.
    """
    network = build_found(space, scale, chosen, quantizer).to(batch.lr.device)
    inherit_weights(network, supernet.network, chosen)
    before = ancestors(network, supernet.network, chosen)

    def set_up() -> None:
        calibrate(network, lambda: network(batch.lr), before, as_they_are=supernet.quantizer == quantizer)

    # Statistics are of what quantizers leave of the features, so these are set up on a batch that is normalised by
    # itself, and again once there are statistics. Measured with quantizers left out until then: 0.1 to 0.3 dB less at 3
    # and 4 bits where they come from the search (3 networks); no difference in the mean, -1.1 to 2.1 dB, where they
    # begin again at 4 and 8 bits after a search with noise (39 networks).
    reestimate(network.eval(), lambda: draw().lr, set_up)
    set_up()
    return network
