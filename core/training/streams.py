"""Random streams by name: what one draws does not depend on what another has drawn.

The numbers behind the names are part of a run: they decide its bytes, and never change.
"""

import hashlib
from collections.abc import Mapping

import numpy as np

STATISTICS = "statistics"
DERIVE = "derive"
TRAIN = "train"

_NUMBERS: Mapping[str, int] = {
    # Of the differentiable search: batches for the weights, for alpha, and to calibrate the supernet on.
    "search weights": 1,
    "search architecture": 2,
    "search calibration": 3,
    STATISTICS: 4,
    DERIVE: 10,
    TRAIN: 20,
    # The samples of the random searcher were counted from 0 on; 10 and 20 were the training's at the same time.
    **{f"sample {number}": number for number in range(1000) if number not in (10, 20)},
}
_HASHED_FROM = 2**32  # the numbers of all other names are above
_NO_BATCH = 2**64 - 1  # stands where the seed of a batch of patches has the batch's number, which is smaller


def stream_number(name: str) -> int:
    """The number of a stream: a fixed one for those of qnas, otherwise one of 64 bits that only this name has.

    >>> stream_number("train"), stream_number("mutation") > 2**32
    (20, True)
    """
    known = _NUMBERS.get(name)
    if known is not None:
        return known
    digest = hashlib.blake2b(name.encode(errors="surrogatepass"), digest_size=8).digest()
    return _HASHED_FROM + int.from_bytes(digest, "big")


def stream(seed: int, name: str, *place: int) -> np.random.Generator:
    """A generator that depends on the seed, the name and the place alone.

    It is independent of the batches of a sampler that has the same name. A loop that takes a new one at each step, with
    the step as the place, has nothing to keep in its checkpoints.

    Args:
        seed: The run's.
        name: The stream's.
        place: Numbers from 0 that tell its uses apart, such as a step.
    """
    # From 1, because NumPy ignores zeros at the end.
    return np.random.default_rng((seed, stream_number(name), _NO_BATCH, *(number + 1 for number in place)))
