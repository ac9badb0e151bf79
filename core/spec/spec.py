"""The spec, which defines a run: validated and immutable."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, Self

from pydantic import (
    Field,
    GetJsonSchemaHandler,
    PositiveInt,
    ValidationInfo,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from qnas.core.components import Cost, Loss, PricedSpace, Report, Space, Target, costs_with
from qnas.core.components.keyed import described_by_key
from qnas.core.components.losses.loss_terms import LossTerms
from qnas.core.errors import InputError, QnasError, from_field
from qnas.core.images.settings import Data
from qnas.core.network import count_space, guard, refuse_broken, refuse_scale, refuse_size
from qnas.core.registry import load_plugin_file
from qnas.core.search.limits.allowed import AllowedNetworks
from qnas.core.search.limits.front_limits import FrontLimits, front_cost
from qnas.core.search.limits.refusal import notices, refuse_unmeetable
from qnas.core.search.searcher import Searcher
from qnas.core.search.uniform_choices import uniform_choices
from qnas.core.settings import Seed, Versioned, as_of, invalid
from qnas.core.settings.lr_sizes import Size
from qnas.core.spec.by_name import CostsByName, RegularizersByName
from qnas.core.spec.limits import LimitsByName, described_limits
from qnas.core.spec.quantizer_choice import QuantizerChoice
from qnas.core.spec.run_name import LONGEST, PATTERN
from qnas.core.training.criterion import teachers_in
from qnas.core.training.machine import Device, Precision
from qnas.core.training.settings import Start, Training

Baseline = Literal["given", "float", "uniform"]
"""What the found network can be compared with."""

UNTRIED = {"untried": True}
"""The context for validating a spec without building its network."""
WITHOUT_CODE = {**UNTRIED, "without_code": True}
"""The same without loading the plugin files that it names: what these have stays unknown."""


class Spec(Versioned):
    """The complete definition of a run: on a CPU, the same spec, seed and machine give the same result.

    Attributes:
        name: Name of the run; its folder is runs/<name> unless the command line says otherwise.
        plugins: Python files that are plugins, each with hooks as an installed one has: what they register is there for
            the rest of the spec. A run keeps copies of them.
        seed: Seed of all random numbers.
        scale: The factor of super-resolution.
        device: ``auto`` uses the first available of cuda, mps and cpu.
        precision: Precision of convolutions in training; ``bfloat16`` is faster if the processor supports it.
        space: The search space.
        data: The images.
        quantizer: The quantizers of search and training.
        search: How to search.
        costs: What is counted beside the costs that are always counted, by name.
        limits: The most that the found network may cost, by the cost's name, for an LR image of 32 x 32: ``{bitops:
            4.6G, size: 20 kB}``; a latency, for the image that it was measured on: ``{latency: 12 ms}``. The found
            network never exceeds them, whatever the search.
        regularizers: Penalties on the architecture during the search, by name. They refer to costs by name. With
            limits, the default is ``entropy`` alone, and a cost that has a limit can't be penalized too.
        loss: What the search and the training minimize: a loss, or a mapping of losses to weights, or to their
            ``weight`` and other fields. ``search.loss`` and ``train.loss`` replace it for one of the two.
        train: How the found network is trained.
        baselines: What the found network is compared with: ``given`` (the network in float with the weights that the
            space has, as it is), and what is trained by the same protocol: ``float`` (the same network with nothing
            quantized), and ``uniform`` (native operations at the same bits in every slot: the most that the space has,
            and the most at this cost, which is within the limits, or without limits at no more BitOps than the found
            network).
        target: The runtime that the found network is for, if there is one. Whatever it can't run is refused before the
            search.
        export: The targets to write files for, each verified to give the same images as the found network; by default
            what ``target`` names.
        report: The page that explains the run.
    """

    name: Annotated[str, Field(pattern=PATTERN, max_length=LONGEST)]
    plugins: tuple[str, ...] = ()
    seed: Seed = 0
    scale: PositiveInt = 2
    device: Device = "auto"
    precision: Precision = "float32"
    space: Space = "basic"  # type: ignore[assignment]
    data: Data = Field(default_factory=Data)
    quantizer: QuantizerChoice = Field(default_factory=QuantizerChoice)
    search: Searcher = "differentiable"  # type: ignore[assignment]
    costs: CostsByName = {}
    limits: LimitsByName = {}
    regularizers: RegularizersByName = {
        "entropy": {},  # type: ignore[dict-item]
        "cost": {},  # type: ignore[dict-item]
    }
    loss: LossTerms = "l1"  # type: ignore[assignment]
    train: Training = Field(default_factory=Training)
    baselines: tuple[Baseline, ...] = ()
    target: Target | None = None
    export: tuple[Target, ...] | None = None
    report: Report = "html"  # type: ignore[assignment]

    @property
    def counted_costs(self) -> dict[str, Cost]:
        """All costs that are counted, by name: those that always are, and its own."""
        return costs_with(self.costs)

    @property
    def losses_of(self) -> dict[str, Mapping[str, Loss]]:
        """What each stage that trains minimizes, by the stage's name.

        Losses that learn from the network in float are left out before there is one.
        """
        early = {name: loss for name, loss in self._losses("search").items() if loss.taught_by != "float"}
        train = self._losses("train")
        floating = {name: loss for name, loss in train.items() if loss.taught_by != "float"}
        return {"search": early, "float": floating, "train": train}

    def _losses(self, group: Literal["search", "train"]) -> Mapping[str, Loss]:
        own: Mapping[str, Loss] | None = getattr(self, group).loss
        return self.loss if own is None else own

    def field_of_loss(self, stage: str) -> tuple[str, ...]:
        """The field that says what a stage minimizes."""
        own = "search" if stage == "search" else "train"
        return ("loss",) if getattr(self, own).loss is None else (own, "loss")

    @property
    def largest_patch(self) -> int:
        """Height and width of the largest LR patches that it trains on, in pixels."""
        return max(self.data.patch, *self.train.patches.values(), 0)

    def allowed_networks(self) -> AllowedNetworks:
        """The networks of the space that keep to the limits."""
        return AllowedNetworks.of(self.space, self.scale, self.quantizer.train, self.counted_costs, self.limits)

    @property
    def front_cost(self) -> str | None:
        """The name of the cost that a front runs over, if the search looks for one."""
        return front_cost(self.limits) if self.search.front_points > 1 else None

    @property
    def _front_limits(self) -> FrontLimits:
        return FrontLimits(
            space=self.space,
            scale=self.scale,
            quantizer=self.quantizer.train,
            costs=self.counted_costs,
            limits=self.limits,
            points=self.search.front_points,
        )

    def limit_notices(self) -> Iterator[str]:
        """A line for each limit that rules no network out."""
        return notices(self.allowed_networks(), self.counted_costs)

    def foresee_export(self) -> list[str]:
        """What its targets do no faster; see :func:`qnas.core.deploy.foresight.foresee`.

        Raises:
            InputError: It comes from the field that names the target.
        """
        from qnas.core.deploy.foresight import foresee

        with from_field("target" if self.export is None else "export"):
            quantizer = self.quantizer
            targets = dict.fromkeys([*self.exported_to, *filter(None, [self.target])])
            exported = self.exported_to
            return foresee(self.space, self.scale, quantizer.train, quantizer.between, list(targets), exported)

    @property
    def start(self) -> Start:
        """What the training of the found network starts from."""
        return self.train.start or ("weights" if self.space.has_weights else "scratch")

    @property
    def learns_from_float(self) -> bool:
        """Whether the training of the found network needs the one in float, to start from or as a teacher."""
        return self.train.start == "float" or "float" in teachers_in(self.losses_of["train"])

    @property
    def needs_float(self) -> bool:
        """Whether the found network is trained in float too."""
        return self.learns_from_float or "float" in self.baselines

    @property
    def exported_to(self) -> tuple[Target, ...]:
        """The targets to write files for."""
        if self.export is not None:
            return self.export
        return () if self.target is None else (self.target,)

    @model_validator(mode="before")
    @classmethod
    def _with_plugins(cls, value: Any, info: ValidationInfo) -> Any:
        """Load the files first, as other fields may need what they register."""
        is_loaded = not (info.context or {}).get("without_code")
        stated = value.get("plugins") if is_loaded and isinstance(value, Mapping) else None
        files = [file for file in stated if isinstance(file, str)] if isinstance(stated, list | tuple) else []
        names = [Path(file).name for file in files]
        for index, file in enumerate(files):
            if names.index(Path(file).name) < index:
                invalid("Spec", "another plugin file has the same name: rename one", file, "plugins", index)
            try:
                load_plugin_file(file)
            except InputError as error:
                invalid("Spec", str(error), file, "plugins", index)
        return value

    @model_validator(mode="before")
    @classmethod
    def _with_entropy_alone(cls, value: Any) -> Any:
        """With limits, or a front, no cost is penalized by default."""
        if isinstance(value, Mapping) and "regularizers" not in value:
            search = value.get("search")
            if value.get("limits") or (isinstance(search, Mapping) and search.get("front")):
                return {**value, "regularizers": {"entropy": {}}}
        return value

    @model_validator(mode="after")
    def _fits(self, info: ValidationInfo) -> Self:
        """Check that the space supports the scale, and that its candidates fit its slots."""
        is_tried = not (info.context or {}).get("untried")
        if is_tried:
            with as_of(self.version):
                self._try_network()
        self._refuse_unfit_crop()
        self._suit_target()
        self._refuse_unfit_losses()
        self._refuse_unfit_search()
        self._refuse_unfit_start()
        self._refuse_penalized_limits()
        self._refuse_unfit_baselines(is_tried)
        if self.costs and is_tried:
            with as_of(self.version):
                self._refuse_unfit_costs()
        if self.limits and is_tried:
            with as_of(self.version):
                self._try("limits", self._refuse_unmeetable)
        if self.search.front_points > 1 and is_tried:
            with as_of(self.version):
                self._try("search", self._refuse_crowded_front)
        return self

    def _refuse_unmeetable(self) -> None:
        with guard(self.space):
            refuse_unmeetable(self.allowed_networks(), self.counted_costs)

    def _refuse_crowded_front(self) -> None:
        with guard(self.space):
            _ = self._front_limits.each

    def _refuse_unfit_costs(self) -> None:
        """Refuse costs that have no prices for the networks of the space."""
        with guard(self.space):
            count = count_space(self.space, self.scale, self.quantizer.train)
        priced = PricedSpace(self.scale, self.target, self.quantizer.between, count.rest, count.slots)
        for key, cost in self.costs.items():
            with self._mistakes("costs", key):
                cost.refuse_unfit(priced)

    def _refuse_unfit_losses(self) -> None:
        """Refuse to learn from the network in float before there is one, and stages without anything to minimize."""
        for name, loss in (self.search.loss or {}).items():
            if loss.taught_by == "float":
                reason = "the search can't learn from the network that it looks for: use another teacher"
                invalid("Spec", reason, "float", "search", "loss", name, "teacher")
        for stage in ("search", "float"):
            if not any(loss.weight for loss in self.losses_of[stage].values()):
                reason = "must have a loss that needs no network in float, for the stages before there is one: add l1"
                invalid("Spec", reason, None, *self.field_of_loss(stage))

    def _refuse_unfit_search(self) -> None:
        reason = self.search.unfit(self.space, self.limits)
        if reason:
            invalid("Spec", f"'{self.search.label}' {reason}", self.search.label, "search")

    def _refuse_unfit_start(self) -> None:
        start = self.train.start
        if start == "supernet" and not self.search.leaves_supernet:
            reason = f"the search '{self.search.label}' leaves no supernet: use scratch"
            invalid("Spec", reason, start, "train", "start")
        if start == "weights" and not self.space.has_weights:
            reason = f"the space '{self.space.known_as}' states no weights to start from: use scratch, or float"
            invalid("Spec", reason, start, "train", "start")
        if self.needs_float and not (self.train.float_steps or self.train.steps):
            reason = "the training in float takes as many steps as 'steps' unless told, and that is 0: set float_steps"
            invalid("Spec", reason, self.train.float_steps, "train", "float_steps")
        if self.train.float_steps is not None and not self.needs_float:
            ways = "start there, learn from it (teacher: float), or name it in baselines"
            reason = f"nothing is trained in float: leave it out, or {ways}"
            invalid("Spec", reason, self.train.float_steps, "train", "float_steps")

    def _refuse_repeated_targets(self) -> None:
        names = [target.known_as for target in self.exported_to]
        for name in names:
            if names.count(name) > 1:
                invalid("Spec", f"names '{name}' twice, but a run has one file for each target", name, "export")

    def _suit_target(self) -> None:
        """Let the target decide what the spec leaves open, and refuse what the targets can't do."""
        is_stated = "between" in self.quantizer.model_fields_set
        if self.target is not None and not self.quantizer.train.is_float:
            object.__setattr__(self, "quantizer", self.quantizer.suited(self.target))
        self._refuse_repeated_targets()
        between = self.quantizer.between
        for reason in filter(None, (target.unfit(between) for target in self.exported_to)):
            if is_stated:
                invalid("Spec", reason, between, "quantizer", "between")
            why = "" if self.target is None else f", as the target '{self.target.known_as}' has it"
            invalid("Spec", f"{reason}{why}", between, "target" if self.export is None else "export")
        if between is not None and self.quantizer.train.is_float:
            invalid("Spec", "a network in float has no integers between its slots", between, "quantizer", "between")

    def _try_network(self) -> None:
        patch = (self.data.patch, self.data.patch)
        checks: dict[str, Callable[[], object]] = {
            "scale": lambda: refuse_scale(self.space, self.scale),
            "space": lambda: refuse_broken(self.space, self.scale, patch),
        }
        for field, check in checks.items():
            self._try(field, check)
        sizes: dict[tuple[str | int, ...], Size] = {
            ("train", "patches", when): (size, size) for when, size in self.train.patches.items()
        }
        for path, size in {**sizes, **self._sizes_of_files()}.items():
            try:
                refuse_size(self.space, self.scale, size)
            except QnasError as error:
                invalid("Spec", f"the network can't take it: {error}", size, *path)

    def _sizes_of_files(self) -> dict[tuple[str | int, ...], Size]:
        """The sizes of LR images that its targets state, each by its field."""
        named: dict[tuple[str | int, ...], Target | None] = {("target",): self.target}
        named |= {("export", index): target for index, target in enumerate(self.export or ())}
        sizes = {(*field, "size"): target.size_at(self.scale) for field, target in named.items() if target}
        return {field: size for field, size in sizes.items() if size is not None}

    def _try(self, field: str, check: Callable[[], object]) -> None:
        """Report what a check raises as a mistake in a field."""
        with self._mistakes(field):
            check()

    @contextlib.contextmanager
    def _mistakes(self, *field: str) -> Iterator[None]:
        """Report what is raised inside as a mistake in a field."""
        try:
            yield
        except QnasError as error:
            inside = error.field if isinstance(error, InputError) else ()
            invalid("Spec", str(error), getattr(self, field[0]), *field, *inside)

    def _refuse_penalized_limits(self) -> None:
        """A cost that has a limit needs no penalty, whose weight would have to be tuned."""
        limited = [self.counted_costs[name] for name in filter(None, (*self.limits, self.front_cost))]
        for key, regularizer in self.regularizers.items():
            cost = getattr(regularizer, "cost", None)
            if regularizer.weight and isinstance(cost, Cost) and cost in limited:
                what = f"limits hold '{cost.known_as}' without a penalty: leave it out, or set its weight to 0"
                invalid("Spec", what, key, "regularizers", key)

    def _refuse_unfit_baselines(self, is_tried: bool) -> None:
        for index, name in enumerate(self.baselines):
            if name in self.baselines[:index]:
                invalid("Spec", f"names '{name}' twice", name, "baselines", index)
            if name == "given" and not self.space.has_weights:
                reason = "the space has no weights to judge: leave it out, or let 'weights' name a file"
                invalid("Spec", reason, name, "baselines", index)
        if "uniform" in self.baselines and is_tried:
            with as_of(self.version), guard(self.space):
                choices = uniform_choices(self.space, self.scale)
            if not choices:
                reason = "the space has no uniform network of native operations: leave it out"
                invalid("Spec", reason, "uniform", "baselines", self.baselines.index("uniform"))

    def _refuse_unfit_crop(self) -> None:
        crop, scale, patch = self.data.crop, self.scale, self.largest_patch
        if crop is None:
            return
        if crop.size % scale:
            self._invalid_crop("size", f"must be a multiple of the scale, {scale} (got {crop.size})")
        if crop.size // scale < patch:
            self._invalid_crop("size", f"must be at least {patch * scale}, for a patch of {patch} (got {crop.size})")
        if crop.lr == "cut" and crop.stride % scale:
            hint = f"must be a multiple of the scale, {scale}, to cut LR images too (got {crop.stride}); or lr: made"
            self._invalid_crop("stride", hint)

    def _invalid_crop(self, field: str, message: str) -> NoReturn:
        invalid("Spec", message, getattr(self.data.crop, field), "data", "crop", field)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The JSON Schema of a spec as users write it: the file's name and a regularizer's key can replace names."""
        made = super().__get_pydantic_json_schema__(schema, handler)
        properties = handler.resolve_ref_schema(made)
        properties["required"] = [key for key in properties.get("required", []) if key != "name"]
        properties["properties"]["limits"].update(described_limits(list(costs_with())))
        for field in ("costs", "regularizers"):
            mapping = properties["properties"][field]
            mapping["properties"] = described_by_key(handler.resolve_ref_schema(mapping["additionalProperties"]))
        return made
