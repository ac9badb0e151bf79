"""The hooks of qnas-my-residual.

Every command of qnas imports them: what takes long to import belongs elsewhere.
"""

import qnas


@qnas.hookimpl
def qnas_register_residuals(register: qnas.Register) -> None:
    """Register the residual."""
    register(
        "my-residual",
        "qnas_my_residual.residual:MyResidual",
        "s F(x) + x, s learned",
    )
