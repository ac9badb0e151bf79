"""The models that come with qnas, each with its card beside its weights."""

from pathlib import Path

from qnas.core.registry import Model

_HERE = Path(__file__).parent


class X4In4G(Model):
    """Enlarges 4 times in at most 4.6 GBitOps for an LR image of 32 x 32."""

    folder = _HERE / "x4-4g"


class X4In2G(Model):
    """Enlarges 4 times in at most 2.0 GBitOps for an LR image of 32 x 32."""

    folder = _HERE / "x4-2g"
