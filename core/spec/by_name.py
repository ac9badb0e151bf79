"""Fields of a spec that map names to components: a key is the component's name unless ``name`` says another."""

from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, ValidationInfo, ValidatorFunctionWrapHandler, WrapValidator

from qnas.core.components import Cost, Regularizer, by_key
from qnas.core.components.keyed import named_by_key
from qnas.core.registry import plugins
from qnas.core.settings import Frozen, invalid

NO_COSTS: Final = frozenset(
    {
        *(
            "discretization_gap_db",
            "float_work",
            "front",
            "judged",
            "kept",
            "measured",
            "notices",
            "seconds",
            "size_bytes",
        ),
        *("test", "limits", "ties"),
        *(
            "alpha",
            "chosen",
            "entropy",
            "epoch",
            "images",
            "loss",
            "losses",
            "multipliers",
            "objective",
            "probabilities",
            "psnr",
            "sample",
            "step",
            "supernet_psnr",
        ),
        *("warm_start", "warm_start_errors", "warm_start_psnr"),
    }
)
"""What result.json and the history call their other fields: no cost can be called that."""


def _refuse_misleading(costs: dict[str, Cost]) -> dict[str, Cost]:
    """A key that is a registered name stands for no other cost."""
    registered = {entry.name for entry in plugins().registries["cost"]}
    for key, cost in costs.items():
        if key in NO_COSTS:
            invalid("Spec", "is what a run's records call another figure: give the cost another key", key, key)
        if key in registered and cost.name != key:
            invalid("Spec", f"is the name of another cost than '{cost.known_as}': give it another key", key, key)
    return costs


def _with_costs(value: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
    if "costs" not in info.data:  # they are wrong: whether names of costs are right can't be known
        return {}
    with by_key(info.data["costs"]):
        return handler(value)


CostsByName = Annotated[Frozen[Cost], BeforeValidator(named_by_key), AfterValidator(_refuse_misleading)]
"""Costs by name."""
RegularizersByName = Annotated[Frozen[Regularizer], BeforeValidator(named_by_key), WrapValidator(_with_costs)]
"""Regularizers by name. A cost that one refers to by a key of ``costs`` is the one that stands there."""
