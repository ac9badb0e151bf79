"""The hooks of qnas-my-space.

Every command of qnas imports them: what takes long to import belongs elsewhere.
"""

import qnas


@qnas.hookimpl
def qnas_register_spaces(register: qnas.Register) -> None:
    """Register the space."""
    register(
        "my-space",
        "qnas_my_space.space:MySpace",
        "A chain of slots, then pixel shuffle",
    )
