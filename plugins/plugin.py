"""Registers what qnas ships besides spaces and quantizers."""

from qnas.core.registry import Register, hookimpl

_CONVOLUTION = "qnas.plugins.operations.convolution"
_COMPOSITE = "qnas.plugins.operations.composite"
_SPECIAL = "qnas.plugins.operations.special"


@hookimpl
def qnas_register_operations(register: Register) -> None:
    """Register operations."""
    register("conv", f"{_CONVOLUTION}:Convolution", "A convolution of any kernel, groups and dilation")
    for k in (1, 3, 5, 7):
        register(f"conv{k}x{k}", f"{_CONVOLUTION}:Convolution", f"{k} x {k} convolution", kernel=k)
        for g in (2, 3):
            summary = f"{k} x {k} convolution in {g} groups"
            register(f"conv{k}x{k}g{g}", f"{_CONVOLUTION}:Convolution", summary, kernel=k, groups=g)
    for k in (3, 5, 7):
        name = f"conv{k}x1-1x{k}"
        register(name, f"{_COMPOSITE}:Factorized", f"{k} x 1 convolution, then 1 x {k}", kernel=k)
        register(f"depthwise{k}x{k}", f"{_CONVOLUTION}:Depthwise", f"{k} x {k} depthwise convolution", kernel=k)
        register(f"separable{k}x{k}", f"{_COMPOSITE}:Separable", f"{k} x {k} depthwise, then 1 x 1", kernel=k)
    for k in (1, 3, 5):
        register(f"growth{k}x{k}", f"{_COMPOSITE}:Pair", f"Two {k} x {k}, twice as wide between", kernel=k, width=2)
        register(
            f"narrow{k}x{k}",
            f"{_COMPOSITE}:Pair",
            f"Two {k} x {k}, half as wide between",
            kernel=k,
            width=0.5,
        )
    register("conv2d", f"{_CONVOLUTION}:Conv2d", "A convolution with all of PyTorch's arguments")
    register("identity", f"{_SPECIAL}:Identity", "Passes the input on")
    register("native", f"{_SPECIAL}:Native", "What the original architecture has in the slot")


@hookimpl
def qnas_register_residuals(register: Register) -> None:
    """Register residual connections."""
    register("none", "qnas.plugins.residuals.plain:NoResidual", "F(x)")
    register("plain", "qnas.plugins.residuals.plain:PlainResidual", "F(x) + x")
    register("batch-norm", "qnas.plugins.residuals.plain:BatchNormResidual", "F(BN(x)) + x")
    register("adq", "qnas.plugins.residuals.adaptive:ADQResidual", "(a s + c) F(BN(x)) + x (QuantNAS)")
    register("adadm", "qnas.plugins.residuals.adaptive:AdaDMResidual", "exp(a log s + c) F(BN(x)) + x (AdaDM)")


@hookimpl
def qnas_register_regularizers(register: Register) -> None:
    """Register regularizers."""
    home = "qnas.plugins.regularizers.penalties"
    register("entropy", f"{home}:Entropy", "Drives every slot to one candidate, with the published ramp")
    register("l1", f"{home}:L1", "Absolute values of the architecture parameters")
    register("cost", f"{home}:ExpectedCost", "Expected cost, relative to the start of the search")


@hookimpl
def qnas_register_costs(register: Register) -> None:
    """Register costs."""
    home = "qnas.plugins.costs.counts"
    register("bitops", f"{home}:BitOps", "Bit operations: MACs x weight bits x activation bits")
    register("macs", f"{home}:Macs", "Multiply-accumulates")
    register("params", f"{home}:Params", "Weights and biases of the convolutions")
    register("size", f"{home}:Size", "Bytes: weights at their widths, all else in float32")
    register("latency", "qnas.plugins.costs.latency:Latency", "Time in a runtime, by a table of qnas profile")
    register("energy", "qnas.plugins.costs.energy:Energy", "Energy of the multiply-accumulates, by a table")


@hookimpl
def qnas_register_losses(register: Register) -> None:
    """Register losses."""
    pixels = "qnas.plugins.losses.pixels"
    register("l1", f"{pixels}:L1", "The mean absolute difference")
    register("charbonnier", f"{pixels}:Charbonnier", "L1 without its corner")
    register("mse", f"{pixels}:MeanSquare", "The mean squared difference")
    register("frequency", "qnas.plugins.losses.frequency:Frequency", "Amplitudes of the Fourier transform")
    register("distill", "qnas.plugins.losses.distillation:Distillation", "A teacher's images and features")


@hookimpl
def qnas_register_datasets(register: Register) -> None:
    """Register data sets."""
    register("dead-leaves", "qnas.plugins.datasets.generated:DeadLeaves", "Generated occlusion images")
    register("photos", "qnas.plugins.datasets.photos:Photos", "Five photographs that come with scikit-image")
    register("folder", "qnas.plugins.datasets.folder:Folder", "Your own images: HR alone, or HR and LR pairs")
    register("pack", "qnas.plugins.datasets.pack:PackFile", "Your own images, decoded: a file of qnas data pack")


@hookimpl
def qnas_register_searchers(register: Register) -> None:
    """Register searchers."""
    home = "qnas.plugins.searchers"
    register("differentiable", f"{home}.differentiable:DifferentiableSearch", "By gradient (QuantNAS)")
    register(
        "sensitivity",
        f"{home}.sensitivity:SensitivitySearch",
        "What each candidate costs in accuracy by itself, without training",
    )
    register("random", f"{home}.random:RandomSearch", "Uniform random architectures, the honest baseline")


@hookimpl
def qnas_register_reports(register: Register) -> None:
    """Register reports."""
    register("html", "qnas.plugins.reports.html:HtmlReport", "One self-contained page")


@hookimpl
def qnas_register_trackers(register: Register) -> None:
    """Register trackers."""
    register("tensorboard", "qnas.plugins.trackers.tensorboard:TensorBoard", "Event files for TensorBoard")


@hookimpl
def qnas_register_models(register: Register) -> None:
    """Register models."""
    home = "qnas.plugins.models.shipped"
    register("x4-4g", f"{home}:X4In4G", "x4, 4.6 GBitOps, 48 channels, five residual blocks at mixed bits")
    register("x4-2g", f"{home}:X4In2G", "x4, 2.0 GBitOps, 32 channels, five residual blocks at mixed bits")


@hookimpl
def qnas_register_degradations(register: Register) -> None:
    """Register degradations."""
    bicubic = "qnas.plugins.degradations.bicubic"
    register("matlab", f"{bicubic}:Matlab", "The bicubic reduction of MATLAB, as in published figures")
    register("pillow", f"{bicubic}:Pillow", "The bicubic reduction of Pillow")
    register(
        "camera", "qnas.plugins.degradations.camera:Camera", "Blur, reduction, noise and JPEG, different for each image"
    )
    register("none", "qnas.plugins.degradations.unchanged:Unchanged", "The HR image itself, for scale 1")


@hookimpl
def qnas_register_targets(register: Register) -> None:
    """Register targets."""
    home = "qnas.plugins.targets"
    register("litert", f"{home}.litert:LiteRt", "LiteRT (TensorFlow Lite) on a CPU, all in int8")
    register("onnxruntime", f"{home}.onnxruntime:OnnxRuntime", "ONNX Runtime on a CPU")
    register("openvino", f"{home}.openvino:OpenVino", "OpenVINO on a CPU")
    register("tensorrt", f"{home}.tensorrt:TensorRt", "TensorRT on NVIDIA's GPUs; its graph is checked on a CPU")
    register("qonnx", f"{home}.qonnx:Qonnx", "QONNX, of any bit-width, for compilers of FPGAs")


@hookimpl
def qnas_register_launchers(register: Register) -> None:
    """Register launchers."""
    home = "qnas.plugins.launchers"
    register("local", f"{home}.local:LocalLauncher", "Processes of this machine")
    register("ray", f"{home}.ray:RayLauncher", "Tasks of a Ray cluster")
    register("slurm", f"{home}.slurm:SlurmLauncher", "Job arrays of Slurm, by submitit")
