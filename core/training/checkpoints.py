"""Checkpoints as loops and searchers see them."""

from qnas.core.files.state import Stateful


class Checkpoints:
    """Saves the state of a loop, so that it can continue when the run is resumed. This one saves nothing.

    A searcher that uses them continues exactly where it was; one that does not starts again:

        for step in range(task.checkpoints.restore(self) + 1, steps + 1):
            ...
            task.checkpoints.keep(step, self)

    Attributes:
        step: The step that :meth:`restore` will return, before it is called.
    """

    step: int = 0

    def restore(self, loop: Stateful) -> int:
        """Load the last saved state into ``loop``, and that of the generators of Python, NumPy and PyTorch.

        Args:
            loop: Has ``load_state_dict``; it is set up as at its beginning.

        Returns:
            The step after which the state was saved, 0 if none was.
        """
        del loop
        return 0

    def keep(self, step: int, loop: Stateful) -> None:
        """Save the state of ``loop`` if it is time to. Call it after every step, once the step is reported.

        Args:
            step: Steps done so far.
            loop: Has ``state_dict``, which returns a :data:`qnas.State`; it is called only if the state is saved.

        Raises:
            KeyboardInterrupt: The run was asked to stop; the state is saved.
        """

    def heed(self) -> None:
        """Leave if the run was asked to stop, with what was saved last: for work that is done again when resumed.

        Raises:
            KeyboardInterrupt: It was.
        """
