"""The hooks of qnas-my-quantizer.

Every command of qnas imports them: what takes long to import belongs elsewhere.
"""

import qnas


@qnas.hookimpl
def qnas_register_quantizers(register: qnas.Register) -> None:
    """Register the quantizer."""
    register(
        "my-quantizer",
        "qnas_my_quantizer.quantizer:MyQuantizer",
        "A grid up to the largest value",
    )
