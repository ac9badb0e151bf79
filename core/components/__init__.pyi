from .activation import (
    Activation as Activation,
    is_signed as is_signed,
    make_activation as make_activation,
)
from .block import (
    Block as Block,
    Count as Count,
)
from .branches import (
    Branches as Branches,
    branches_unfit as branches_unfit,
    expand as expand,
)
from .component import Component as Component
from .cost import (
    ConvolutionShape as ConvolutionShape,
    Cost as Cost,
    Part as Part,
    PricedSpace as PricedSpace,
    by_key as by_key,
    costs_with as costs_with,
)
from .dataset import (
    Dataset as Dataset,
    ImageSizes as ImageSizes,
    ImageSource as ImageSource,
    Pixels as Pixels,
    SourceImage as SourceImage,
)
from .degradation import Degradation as Degradation
from .launcher import Engine as Engine, JobState as JobState, Launcher as Launcher, Task as Task
from .losses.loss import Enlarged as Enlarged, Loss as Loss
from .losses.teacher import ModuleTeacher as ModuleTeacher, RunTeacher as RunTeacher, Teacher as Teacher
from .moments import Moments as Moments
from .operation import (
    ConvShape as ConvShape,
    Layers as Layers,
    Operation as Operation,
    Original as Original,
    PaddingMode as PaddingMode,
    Pair as Pair,
    Size as Size,
    SlotShape as SlotShape,
    keeps_size as keeps_size,
    same_padding as same_padding,
)
from .quantizer import (
    FakeQuantizer as FakeQuantizer,
    Grid as Grid,
    Mixture as Mixture,
    Quantizer as Quantizer,
    Unquantized as Unquantized,
    WeightedSum as WeightedSum,
    integer_range as integer_range,
)
from .regularizer import (
    Regularizer as Regularizer,
    SearchState as SearchState,
)
from .report import Report as Report
from .residual import Residual as Residual
from .rules import (
    Offer as Offer,
    SlotRule as SlotRule,
    path_matches as path_matches,
)
from .space import Space as Space
from .statistic import (
    ImageStatistic as ImageStatistic,
    freeze_statistics as freeze_statistics,
    measuring as measuring,
)
from .target import Runtime as Runtime, Target as Target, Values as Values

__all__: list[str]
