"""Images that a network can't enlarge."""

import contextlib
from collections.abc import Iterator

from qnas.core.components import Pixels
from qnas.core.errors import QnasError
from qnas.core.network.probing.smallest import refusal
from qnas.core.upscale.tiles import Upscaler


@contextlib.contextmanager
def enlarging(lr: Pixels, upscaler: Upscaler) -> Iterator[None]:
    """Turn whatever stops an image from being enlarged into one line, such as that it is too small for the network.

    Args:
        lr: The image, (H, W, 3).
        upscaler: What enlarges it.

    Raises:
        QnasError: The image can't be enlarged; the message says why.
    """
    try:
        yield
    except (QnasError, OSError):
        raise
    except Exception as error:
        said = refusal(upscaler.network, lr.shape[:2], upscaler.device, error)
        raise QnasError(said) from error
