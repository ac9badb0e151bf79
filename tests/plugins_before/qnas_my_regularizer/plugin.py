"""The hooks of qnas-my-regularizer.

Every command of qnas imports them: what takes long to import belongs elsewhere.
"""

import qnas


@qnas.hookimpl
def qnas_register_regularizers(register: qnas.Register) -> None:
    """Register the regularizer."""
    register(
        "my-regularizer",
        "qnas_my_regularizer.regularizer:MyRegularizer",
        "p (1 - p) of every candidate",
    )
