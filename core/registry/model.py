"""The interface of models, which are found networks that a plugin brings."""

from pathlib import Path
from typing import ClassVar


class Model:
    """A found network that commands and :func:`qnas.load` take by its name, where they take the folder of a run.

    Attributes:
        folder: What the run left that found it: ``spec.yaml``, ``architecture.json``, ``model.safetensors`` and
            ``result.json``, and the model card, ``card.md``. Nothing is written to it.
    """

    kind: ClassVar[str] = "model"
    folder: ClassVar[Path]
