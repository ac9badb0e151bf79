"""Random streams by name. What one draws does not depend on what others have drawn.

The numbers behind the names never change, because they decide the bytes of a run.
"""

import hashlib
from collections.abc import Mapping

import numpy as np

STATISTICS = "statistics"
DERIVE = "derive"
TRAIN = "train"
FLOAT = "float"
WARM_START = "warm start"

_NUMBERS: Mapping[str, int] = {
    # The differentiable search: batches for the weights, for alpha, and for calibrating the supernet.
    "search weights": 1,
    "search architecture": 2,
    "search calibration": 3,
    STATISTICS: 4,
    DERIVE: 10,
    TRAIN: 20,
    # The random searcher numbered its samples from 0; samples 10 and 20 shared the streams of derive and train.
    **{f"sample {number}": number for number in range(1000) if number not in (10, 20)},
}
_HASHED_FROM = 2**32  # other names have larger numbers
_NO_BATCH = 2**64 - 1  # in place of the number of a batch of patches, which is always smaller


def stream_number(name: str) -> int:
    """The number of a stream: fixed for those of qnas, otherwise a hash of the name, at least 2^32.

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

    It is independent of the batches of a sampler with the same name. A loop that takes a new generator at each step,
    with the step as its place, needs no state of it in checkpoints.

    Args:
        seed: The run's.
        name: The stream's.
        place: Numbers from 0, such as a step, that tell uses of the stream apart.
    """
    # From 1, because NumPy ignores zeros at the end.
    return np.random.default_rng((seed, stream_number(name), _NO_BATCH, *(number + 1 for number in place)))
