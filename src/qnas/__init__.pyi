from .core.api.opening import open_module as open_module
from .core.api.reading import compare as compare, load as load
from .core.api.running import run as run, search as search
from .core.comparison import Comparison as Comparison, ComparisonReport as ComparisonReport
from .core.components import (
    Activation as Activation,
    Block as Block,
    Component as Component,
    ConvolutionShape as ConvolutionShape,
    Cost as Cost,
    Dataset as Dataset,
    Degradation as Degradation,
    Engine as Engine,
    Enlarged as Enlarged,
    FakeQuantizer as FakeQuantizer,
    Grid as Grid,
    ImageSizes as ImageSizes,
    ImageSource as ImageSource,
    ImageStatistic as ImageStatistic,
    JobState as JobState,
    Launcher as Launcher,
    Layers as Layers,
    Loss as Loss,
    Mixture as Mixture,
    ModuleTeacher as ModuleTeacher,
    Moments as Moments,
    Operation as Operation,
    Part as Part,
    Pixels as Pixels,
    PricedSpace as PricedSpace,
    Quantizer as Quantizer,
    Regularizer as Regularizer,
    Report as Report,
    Residual as Residual,
    RunTeacher as RunTeacher,
    Runtime as Runtime,
    SearchState as SearchState,
    SlotShape as SlotShape,
    SourceImage as SourceImage,
    Space as Space,
    Target as Target,
    Task as Task,
    Teacher as Teacher,
    integer_range as integer_range,
    make_activation as make_activation,
)
from .core.deploy.found_integers import IntegerActivations as IntegerActivations, IntegerWeights as IntegerWeights
from .core.deprecation import QnasDeprecationWarning as QnasDeprecationWarning
from .core.errors import InputError as InputError, QnasError as QnasError, QnasWarning as QnasWarning
from .core.files.folder import RunFolder as RunFolder
from .core.files.state import State as State
from .core.images.pairs import ImagePair as ImagePair
from .core.images.patches import Batch as Batch, PatchSampler as PatchSampler
from .core.network import (
    Architecture as Architecture,
    Candidate as Candidate,
    CostTable as CostTable,
    Form as Form,
    Joint as Joint,
    NetworkCount as NetworkCount,
    QuantizedLayers as QuantizedLayers,
    Slot as Slot,
    Supernet as Supernet,
    Tie as Tie,
    build_found as build_found,
    convolutions as convolutions,
    count_choices as count_choices,
    count_found as count_found,
    find_slots as find_slots,
    one_hot as one_hot,
    slot_candidates as slot_candidates,
)
from .core.network.calibration import calibrate_for_training as calibrate_for_training
from .core.ranks import largest_of_batch as largest_of_batch, mean_of_batch as mean_of_batch
from .core.registry import (
    API_VERSION as API_VERSION,
    Model as Model,
    Register as Register,
    Tracker as Tracker,
    hookimpl as hookimpl,
)
from .core.run.deployment.found import FoundNetwork as FoundNetwork
from .core.run.record import RunRecord as RunRecord
from .core.search.front_searcher import FrontSearcher as FrontSearcher
from .core.search.images import SearchImages as SearchImages
from .core.search.limits.allowed import AllowedNetworks as AllowedNetworks
from .core.search.limits.multipliers import Multipliers as Multipliers
from .core.search.outcome import FrontPoint as FrontPoint, SearchOutcome as SearchOutcome
from .core.search.prices import Prices as Prices
from .core.search.searcher import Searcher as Searcher
from .core.search.sensitivity import Sensitivity as Sensitivity, start_of_alpha as start_of_alpha
from .core.search.task import SearchTask as SearchTask
from .core.settings import (
    FLOAT as FLOAT,
    FLOAT_BITS as FLOAT_BITS,
    Amount as Amount,
    Widths as Widths,
    invalid as invalid,
)
from .core.spec import Spec as Spec, load_spec as load_spec
from .core.training.checkpoints import Checkpoints as Checkpoints
from .core.training.criterion import Criterion as Criterion
from .core.training.divergence import Diverged as Diverged
from .core.training.journal import Journal as Journal
from .core.training.loop import Loop as Loop
from .core.training.machine import Machine as Machine
from .core.training.optimizer import OwnRates as OwnRates, adam as adam
from .core.training.schedule import Schedule as Schedule
from .core.training.settings import OnDivergence as OnDivergence
from .core.training.step import WeightStep as WeightStep, batch_loss as batch_loss
from .core.training.trainer import Trained as Trained, Trainer as Trainer
from .core.view import RunList as RunList, Standing as Standing, ViewedRun as ViewedRun, ViewReport as ViewReport

__all__: list[str]
__version__: str
