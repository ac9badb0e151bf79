"""Registers the quantizers that qnas ships."""

from qnas.core.registry import Register, hookimpl


@hookimpl
def qnas_register_quantizers(register: Register) -> None:
    """Register them."""
    register("lsq", "qnas.quantizers.lsq:LSQ", "Learned step size quantization (Esser et al. 2020)")
    register("noise", "qnas.quantizers.noise:Noise", "Noise in place of quantization, for the search (QuantNAS)")
    register("hwgq", "qnas.quantizers.hwgq:HWGQ", "Fixed steps, optimal for Gaussian inputs (Cai et al. 2017)")
    register("none", "qnas.quantizers.float:NoQuantizer", "No quantization: a float network")
