from .block import check_block as check_block
from .cost import check_cost as check_cost
from .dataset import check_dataset as check_dataset
from .degradation import check_degradation as check_degradation
from .launcher import check_launcher as check_launcher
from .loss import check_loss as check_loss
from .model import check_model as check_model
from .operation import check_operation as check_operation
from .quantizer import check_quantizer as check_quantizer
from .regularizer import check_regularizer as check_regularizer
from .report import check_report as check_report
from .residual import check_residual as check_residual
from .searcher import check_searcher as check_searcher
from .space import check_space as check_space
from .target import check_target as check_target

__all__: list[str]
