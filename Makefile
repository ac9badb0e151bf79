# Everything runs in a virtual environment, which the first command creates.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
RUN ?= runs/quickstart
PYTEST = $(BIN)/python -m pytest --numprocesses auto --dist worksteal
export NO_MKDOCS_2_WARNING = 1

.PHONY: demo test slow thorough lint format docs clean

demo: $(VENV)/installed-onnx
	$(BIN)/qnas run specs/quickstart.yaml --out $(RUN) $(if $(wildcard $(RUN)/spec.yaml),--resume)
	$(BIN)/qnas export $(RUN) --target onnxruntime --force

test: $(VENV)/installed-test
	$(PYTEST) -m "not slow"

# Fuzzing as well, with all its examples: make test tries a tenth of them.
slow: $(VENV)/installed-test
	QNAS_FUZZ=1 $(PYTEST) -m "(slow or fuzz) and not thorough"

# Hours. What it says is kept in benchmarks/results/thorough; PART=fuzz runs that part only.
thorough: $(VENV)/installed-test
	$(BIN)/python benchmarks/thorough.py $(PART:%=--part %)

lint: $(VENV)/installed-dev $(VENV)/installed-docs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy docs/generator
	$(BIN)/lint-imports
	$(BIN)/mkdocs build --strict --quiet

docs: $(VENV)/installed-docs
	$(BIN)/python -m docs.generator
	$(BIN)/mkdocs build --strict --quiet

format: $(VENV)/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: $(BIN)/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --editable . --constraint constraints.txt
	@touch $@

$(VENV)/installed-onnx: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --editable '.[onnx]' --constraint constraints.txt
	@touch $@

$(VENV)/installed-test: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --editable '.[test]' --constraint constraints.txt
# Without its dependencies: a torchvision that does not match the build of torch breaks everything that imports it.
	$(BIN)/python -m pip install --quiet --no-deps spandrel --constraint constraints.txt
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed-test
	$(BIN)/python -m pip install --quiet --editable '.[dev]' --constraint constraints.txt
	@touch $@

$(VENV)/installed-docs: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --editable '.[docs]' --constraint constraints.txt
	@touch $@

clean:
	rm -rf $(VENV) site .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
