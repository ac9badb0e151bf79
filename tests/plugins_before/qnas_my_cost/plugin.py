"""The hooks of qnas-my-cost.

Every command of qnas imports them: what takes long to import belongs elsewhere.
"""

import qnas


@qnas.hookimpl
def qnas_register_costs(register: qnas.Register) -> None:
    """Register the cost."""
    register(
        "my-cost",
        "qnas_my_cost.cost:MyCost",
        "Bits that weights and biases take up",
    )
