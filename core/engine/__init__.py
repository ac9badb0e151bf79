"""The engine: runs a spec's stages into a run folder."""

from qnas.core.engine.folder import RunFolder
from qnas.core.engine.run import run_spec

__all__ = ["RunFolder", "run_spec"]
