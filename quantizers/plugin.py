"""Registers the quantizers that qnas ships."""

from qnas.core.registry import Register, hookimpl


@hookimpl
def qnas_register_quantizers(register: Register) -> None:
    """Register quantizers."""
    register("lsq", "qnas.quantizers.lsq:LSQ", "Learned step size quantization (Esser et al. 2020)")
    register("noise", "qnas.quantizers.noise:Noise", "Noise in place of quantization, for the search (QuantNAS)")
    register("lsq+", "qnas.quantizers.lsq_plus:LSQPlus", "LSQ with offsets for activations (Bhalgat et al. 2020)")
    register("pact", "qnas.quantizers.pact:PACT", "Learned clips for activations (Choi et al. 2018)")
    register("ewgs", "qnas.quantizers.ewgs:EWGS", "Gradients scaled by the rounding error (Lee et al. 2021)")
    register("dorefa", "qnas.quantizers.dorefa:DoReFa", "Weights squashed by tanh, fixed ranges (Zhou et al. 2016)")
    register("nipq", "qnas.quantizers.nipq:NIPQ", "Noise within learned truncation bounds (Shin et al. 2023)")
    register("hwgq", "qnas.quantizers.hwgq:HWGQ", "Fixed steps, optimal for Gaussian inputs (Cai et al. 2017)")
    register("split", "qnas.quantizers.split:Split", "One quantizer for weights, another for activations")
    register("none", "qnas.quantizers.float:NoQuantizer", "No quantization: a float network")
