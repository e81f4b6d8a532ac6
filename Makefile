# make help lists what there is.

PYTHON ?= python3
MINUTES ?= 10
SEED ?= 0
VENV := .venv
BIN := $(VENV)/bin
SUPPLY := $(VENV)/supply/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

EXAMPLE := demo/example.tif
VEHICLES := demo/cars.gpkg
PICTURE := demo/cars.png

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test lint types fuzz docs wheel sbom audit clean

help: ## List the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 8

demo: $(VENV)/.installed ## Render an example orthophoto and find its vehicles
	@mkdir -p demo
	$(BIN)/geovehicle example $(EXAMPLE) --overwrite
	$(BIN)/geovehicle detect $(EXAMPLE) -o $(VEHICLES) --preview $(PICTURE) --overwrite
	@echo
	@echo "GeoPackage: $(CURDIR)/$(VEHICLES)  (drag it into QGIS, over $(CURDIR)/$(EXAMPLE))"
	@echo "Picture:    $(CURDIR)/$(PICTURE)"

# A process a core, each with one thread, takes two thirds of the time of one process.
test: $(VENV)/.installed-dev ## Run the tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --maxprocesses 8 --dist loadfile --no-loadscope-reorder

lint: $(VENV)/.installed-dev ## Check style and layout
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(VENV)/.installed-dev ## Check types
	$(BIN)/mypy geovehicle cli

fuzz: $(VENV)/.installed-dev ## Look for inputs that do harm, by MINUTES=30 for so long
	OMP_NUM_THREADS=1 $(BIN)/python fuzz/run.py --minutes $(MINUTES) --seed $(SEED)

docs: $(VENV)/.installed-docs ## Build the documentation in site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

wheel: $(VENV)/.installed-dev ## Build the wheel in dist/, twice, and see that both are the same
	$(BIN)/python supply/wheel.py dist

sbom: $(VENV)/.installed-supply ## List all parts of the installation in dist/sbom.json (CycloneDX)
	@mkdir -p dist
	$(SUPPLY)/cyclonedx-py environment $(VENV) --pyproject pyproject.toml --output-reproducible -o dist/sbom.json

audit: $(VENV)/.installed-supply ## Ask for known vulnerabilities of what is installed; needs the internet
	@$(SUPPLY)/python supply/audit.py "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"

clean: ## Remove what the other targets made, except the virtual environment
	rm -rf build dist site demo geovehicle.egg-info
	rm -rf .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache

# A stamp is renewed when pyproject.toml changes, so a second call installs nothing.

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null || { \
	  echo "geovehicle needs Python 3.11, 3.12 or 3.13, which $(PYTHON) is not; name one: make PYTHON=python3.12" >&2; \
	  exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed: $(VENV)/.created pyproject.toml
	@echo "Installing geovehicle and what it needs; PyTorch is large, so the first time takes minutes"
	$(PIP) install --quiet --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(PIP) install --quiet --editable '.[dev]'
	@touch $@

$(VENV)/.installed-docs: $(VENV)/.installed
	$(PIP) install --quiet --editable '.[docs]'
	@touch $@

# In an environment of their own, or they would be among the parts.
$(VENV)/.installed-supply: $(VENV)/.installed-dev
	$(BIN)/python -m venv $(VENV)/supply
	$(SUPPLY)/python -m pip install --quiet --disable-pip-version-check 'cyclonedx-bom>=7' 'pip-audit>=2.7'
	@touch $@
