"""Where a loop keeps its state, as loops and searchers see it."""

from qnas.core.files.state import Stateful


class Checkpoints:
    """Where a loop keeps its state, to go on from it when the run is resumed. This one keeps nothing.

    A searcher that uses it goes on exactly where it was, one that does not begins anew:

        for step in range(task.checkpoints.restore(self) + 1, steps + 1):
            ...
            task.checkpoints.keep(step, self)
    """

    def restore(self, loop: Stateful) -> int:
        """Put ``loop`` into the state that was kept last, and the generators of Python, NumPy and PyTorch too.

        Args:
            loop: Has ``load_state_dict``; it is made and set up as at its beginning.

        Returns:
            The step after which that was, 0 where nothing was kept.
        """
        del loop
        return 0

    def keep(self, step: int, loop: Stateful) -> None:
        """Keep the state of ``loop`` if it is time to; call it after every step, when all is reported.

        Args:
            step: How many are done.
            loop: Has ``state_dict``: mappings and lists of tensors, numbers, texts, booleans and None. It is asked
                for it only if it is kept.

        Raises:
            KeyboardInterrupt: The run was asked to stop; the state is kept.
        """
