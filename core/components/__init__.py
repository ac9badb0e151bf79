"""What can be plugged in: one interface a file.

Most interfaces load torch, those of costs and reports do not: names are imported when they are first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
