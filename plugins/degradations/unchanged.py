"""No degradation."""

from qnas.core.components import Degradation, Pixels


class Unchanged(Degradation):
    """The HR image itself, at scale 1: shows what a network does to images with nothing wrong."""

    def degrade(self, hr: Pixels, size: tuple[int, int], name: str) -> Pixels:
        """See :meth:`qnas.Degradation.degrade`."""
        del size, name
        return hr.copy()

    def unfit(self, scale: int) -> str:
        """See :meth:`qnas.Degradation.unfit`."""
        return "" if scale == 1 else f"makes LR images of the size of HR ones, and scale {scale} needs smaller ones"
