"""qnas: searches for quantized super-resolution networks, operations and bit-widths together, by gradient.

The public names, which plugins and their tests are written with, are listed in ``__init__.pyi``. Each is imported when
it is first used, so that ``import qnas`` and ``qnas --help`` are quick.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, _names, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __dir__() -> list[str]:
    return sorted({*_names(), "__version__"})
