"""The interface of trackers, which show runs while they are under way."""

from typing import ClassVar


class Tracker:
    """Shows a run in a tool such as TensorBoard; ``qnas run --tracker NAME`` switches it on.

    It implements the hooks that follow a run (``qnas_stage_began``, ``qnas_stage_resumed``, ``qnas_step``,
    ``qnas_stage_ended``) with ``@qnas.hookimpl``. It is made without arguments before anything else is done: what it
    lacks it should say then, by :class:`qnas.InputError`. It is no part of the spec, and changes no result.
    """

    kind: ClassVar[str] = "tracker"

    def close(self) -> None:
        """Write what is left. Called at the end, also of a run that was stopped or failed."""
