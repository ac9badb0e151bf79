"""The hooks of qnas-my-block.

Every command of qnas imports them: what takes long to import belongs elsewhere.
"""

import qnas


@qnas.hookimpl
def qnas_register_blocks(register: qnas.Register) -> None:
    """Register the block."""
    register(
        "my-block",
        "qnas_my_block.block:MyBlock",
        "Two convolutions, wider between",
    )
