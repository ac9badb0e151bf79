"""The hooks of qnas-my-operation.

Every command of qnas imports them: what takes long to import belongs elsewhere.
"""

import qnas


@qnas.hookimpl
def qnas_register_operations(register: qnas.Register) -> None:
    """Register the operation."""
    register(
        "my-operation",
        "qnas_my_operation.operation:MyOperation",
        "A grouped convolution, then a shuffle of the channels",
    )
