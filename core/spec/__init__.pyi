from .document import Assignment as Assignment
from .load import (
    Overrides as Overrides,
    SpecFile as SpecFile,
    dump_spec as dump_spec,
    load_spec as load_spec,
    open_spec as open_spec,
    read_spec as read_spec,
)
from .quantizer_choice import QuantizerChoice as QuantizerChoice
from .spec import Spec as Spec

__all__: list[str]
