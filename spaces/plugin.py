"""Registers the spaces and blocks that qnas ships."""

from qnas.core.registry import Register, hookimpl

_BLOCKS = "qnas.spaces.blocks"
_KNOWN = "qnas.spaces.known"


@hookimpl
def qnas_register_spaces(register: Register) -> None:
    """Register spaces."""
    register("basic", "qnas.spaces.basic:BasicSpace", "QuantNAS's basic space: head, body cells, pixel shuffle, tail")
    register("skeleton", "qnas.spaces.skeleton:Skeleton", "Compose a network of blocks: head, body, upsampler, tail")
    register("module", "qnas.spaces.module:ModuleSpace", "Open the convolutions of any nn.Module by its import path")
    register("espcn", f"{_KNOWN}.espcn:ESPCN", "ESPCN (Shi et al. 2016)")
    register("fsrcnn", f"{_KNOWN}.fsrcnn:FSRCNN", "FSRCNN (Dong et al. 2016) with pixel shuffle")
    register("ecbsr", f"{_KNOWN}.ecbsr:ECBSR", "ECBSR-M16C64 (Zhang et al. 2021), inference form")
    register("abpn", f"{_KNOWN}.abpn:ABPN", "ABPN (Du et al. 2021)")
    register("srresnet", f"{_KNOWN}.srresnet:SRResNet", "SRResNet (Ledig et al. 2017), without Batch Norm")
    register("edsr-baseline", f"{_KNOWN}.edsr:EDSRBaseline", "EDSR-baseline (Lim et al. 2017)")
    register("imdn", f"{_KNOWN}.imdn:IMDN", "IMDN (Hui et al. 2019)")
    register("rfdn", f"{_KNOWN}.rfdn:RFDN", "RFDN (Liu et al. 2020)")
    register("rlfn", f"{_KNOWN}.rlfn:RLFN", "RLFN (Kong et al. 2022)")
    register("span", f"{_KNOWN}.span:SPAN", "SPAN-S (Wan et al. 2024), inference form")
    register("compact", f"{_KNOWN}.compact:Compact", "SRVGGNetCompact of Real-ESRGAN (Wang et al. 2021)")
    register("quicksrnet", f"{_KNOWN}.quicksrnet:QuickSRNet", "QuickSRNet-Medium (Berger et al. 2023)")
    register("xlsr", f"{_KNOWN}.xlsr:XLSR", "XLSR (Ayazoglu 2021)")
    register("quantnas-rfdn", f"{_KNOWN}.quantnas_rfdn:QuantNASRFDN", "QuantNAS's space inspired by RFDN")


@hookimpl
def qnas_register_blocks(register: Register) -> None:
    """Register blocks."""
    register("residual", f"{_BLOCKS}.residual:ResidualBlock", "Two convolutions beside the identity (EDSR)")
    register("basic-cell", f"{_BLOCKS}.cell:BasicCell", "A chain of slots beside a skip slot (QuantNAS)")
    register("chain", f"{_BLOCKS}.chain:Chain", "A plain chain of convolutions")
    register("rfdb", f"{_BLOCKS}.distillation:RFDB", "Residual feature distillation (RFDN)")
    register("imdb", f"{_BLOCKS}.distillation:IMDB", "Information multi-distillation (IMDN)")
    register("rlfb", f"{_BLOCKS}.local:RLFB", "Residual local features (RLFN)")
    register("spab", f"{_BLOCKS}.local:SPAB", "Parameter-free attention (SPAN)")
