"""Groups of seeds, their labels, and which of them a line joins."""

from pathlib import Path

from qnas.core.comparison import Comparison, compare_runs, find_runs

from ...synthetic_runs import SweepFolder, write_run

WEIGHT = "regularizers.cost.weight"


def comparison(*folders: Path) -> Comparison:
    return compare_runs(find_runs(folders))


def labels(*folders: Path) -> list[str]:
    return [group.label for group in comparison(*folders).groups]


def test_runs_that_differ_in_seed_and_name_only_are_one_group(tmp_path: Path) -> None:
    for seed in (3, 1, 2):
        write_run(tmp_path / f"run-{seed}", 27 + seed, fields={"seed": seed})
    write_run(tmp_path / "other", fields={"train.steps": 900})
    groups = {len(group.runs): group for group in comparison(tmp_path).groups}
    assert groups[3].seeds == [1, 2, 3]
    assert groups[3].psnr.mean == 29
    assert groups[3].psnr.spread == 1
    assert groups[1].psnr.spread is None


def test_a_sweep_names_variants_and_values(tmp_path: Path) -> None:
    sweep = SweepFolder(tmp_path / "sweep")
    for seed in (0, 1):
        sweep.add("searched", {WEIGHT: 0.0001}, seed, bitops=1e9)
        sweep.add("searched", {WEIGHT: 0}, seed, bitops=2e9)
        sweep.add("uniform", {"space.bits": [4]}, seed)
        sweep.add("random", {}, seed, fields={"search.name": "random"})
    made = comparison(sweep.finish())
    assert [(group.label, group.series, group.names.values) for group in made.groups] == [
        ("random", "random", ""),
        ("searched weight=0", "searched", "weight=0"),
        ("searched weight=0.0001", "searched", "weight=0.0001"),
        ("uniform bits=[4]", "uniform", "bits=[4]"),
    ]
    assert {name: len(groups) for name, groups in made.series.items()} == {"random": 1, "searched": 2, "uniform": 1}


def test_a_sweep_without_variants_is_one_series(tmp_path: Path) -> None:
    sweep = SweepFolder(tmp_path / "weights")
    for weight in (0, 1):
        sweep.add(None, {WEIGHT: weight, "regularizers.entropy.weight": 2}, 0, bitops=weight + 1)
    made = comparison(sweep.finish())
    assert list(made.series) == ["weights"]
    assert [g.label for g in made.groups] == ["cost.weight=0, entropy.weight=2", "cost.weight=1, entropy.weight=2"]


def test_values_and_series_stand_in_the_order_that_people_count_in(tmp_path: Path) -> None:
    sweep = SweepFolder(tmp_path / "weights")
    for weight, bitops in ((0.03, 1e9), (0.003, 2e9), (1e-05, 4e9), (0, 3e9)):
        sweep.add(None, {WEIGHT: weight}, 0, bitops=bitops)
    for steps in (10, 9):
        write_run(tmp_path / f"steps {steps}", fields={"train.steps": steps})
    made = comparison(sweep.finish(), tmp_path)
    assert [group.label for group in made.groups] == [
        *("steps 9", "steps 10"),
        *("weight=0", "weight=1e-05", "weight=0.003", "weight=0.03"),
    ]
    assert [group.label for group in made.series["weights"]] == [
        *("weight=0.03", "weight=0.003", "weight=0", "weight=1e-05")  # the order in which a line joins them
    ]


def test_two_sweeps_with_the_same_variant_are_two_series(tmp_path: Path) -> None:
    for name, steps in (("first", 100), ("second", 200)):
        sweep = SweepFolder(tmp_path / name)
        sweep.add("searched", {WEIGHT: 0}, 0, fields={"train.steps": steps})
        sweep.finish()
    assert list(comparison(tmp_path).series) == ["first: searched", "second: searched"]


def test_without_a_sweep_the_name_of_the_spec_is_taken(tmp_path: Path) -> None:
    write_run(tmp_path / "1", fields={"name": "small"})
    write_run(tmp_path / "2", fields={"name": "large", "space.channels": 64})
    made = comparison(tmp_path)
    assert sorted(group.label for group in made.groups) == ["large", "small"]
    assert all(group.series == group.label for group in made.groups)


def test_where_names_are_alike_those_of_the_folders_are_taken(tmp_path: Path) -> None:
    write_run(tmp_path / "searched", fields={"name": "small"})
    write_run(tmp_path / "uniform", fields={"name": "small", "space.bits": [4]})
    assert sorted(labels(tmp_path)) == ["searched", "uniform"]


def test_where_folders_are_alike_too_what_differs_is_told(tmp_path: Path) -> None:
    for bits in ([4], [8]):
        for seed in (0, 1):
            fields = {"name": "small", "space.bits": bits, "seed": seed}
            write_run(tmp_path / f"{bits[0]}/seed-{seed}", fields=fields)
    assert sorted(labels(tmp_path)) == ["bits=[4]", "bits=[8]"]


def test_of_another_component_only_the_name_is_told(tmp_path: Path) -> None:
    for name, fields in (("random", {"samples": 4}), ("differentiable", {"steps": 9})):
        write_run(tmp_path / name / "run", fields={"name": "small", "search": {"name": name, **fields}})
    assert sorted(labels(tmp_path)) == ["search=differentiable", "search=random"]


def test_a_run_that_is_called_as_a_series_is_not_joined_to_it(tmp_path: Path) -> None:
    sweep = SweepFolder(tmp_path / "sweep")
    sweep.add("searched", {WEIGHT: 0}, 0)
    sweep.finish()
    write_run(tmp_path / "searched", fields={"train.steps": 9})
    made = comparison(tmp_path)
    assert len(made.series) == 2
    assert len({group.label for group in made.groups}) == 2


def test_two_variants_of_one_spec_are_two_groups(tmp_path: Path) -> None:
    sweep = SweepFolder(tmp_path)
    for variant in ("one", "two"):
        sweep.add(variant, {WEIGHT: 0}, 0, fields={"name": "same"})
    assert labels(sweep.finish()) == ["one weight=0", "two weight=0"]
