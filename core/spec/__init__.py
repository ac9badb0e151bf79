"""The spec: what a run is, read from YAML with positions.

Validating one loads torch, reading the plain data of one does not: names are imported when they are first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
