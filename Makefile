# `make backtest` and `make test` work from nothing: python3 (3.11 to 3.13) with pip, and make.
PYTHON ?= python3
VENV := .venv
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
INSTALLED := $(VENV)/installed-$(VERSION)
FLUMINE := flumine-$(shell sed -n 's/^flumine==//p' constraints.txt)
FLUMINES_SOURCE := $(VENV)/source/$(FLUMINE).tar.gz

.PHONY: install backtest serve bench sameness calibrate chaos coverage audit lint test clean

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
		{ echo "$(PYTHON) is $(VERSION); 3.11 to 3.13 are needed, say: PYTHON=python3.13 make"; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(VENV)/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[test]'
	@touch $@

# Flumine's own tests come with its source; where it cannot be fetched, they are skipped.
$(FLUMINES_SOURCE): $(INSTALLED)
	@$(VENV)/bin/python -m pip download --quiet --no-deps --no-binary flumine --constraint constraints.txt \
		--dest $(@D) flumine || echo "the source of $(FLUMINE) was not fetched: its tests are skipped"

backtest: install
	$(VENV)/bin/backtest sample

# Prefect's UI on this machine, with this project's deployments and a worker; another port: make serve PORT=4201.
serve: install
	$(VENV)/bin/backtest serve $(if $(PORT),--port $(PORT))

# make bench ARCHIVE=month.tar PREDICTIONS=ratings.csv TIMES=30; without, the generated month is measured.
bench: install
	$(VENV)/bin/python -m benchmarks.bench $(ARCHIVE) $(PREDICTIONS) $(if $(TIMES),--times $(TIMES))

# Every book and order of every real market, and of three thousand made ones, by plain flumine and by us; `make test`
# compares some. Two hours.
sameness: install $(FLUMINES_SOURCE)
	BACKTEST_TEST_WHOLE=1 $(VENV)/bin/python -m pytest --timeout 3600 --numprocesses 2 --dist worksteal tests/golden

# Whether intervals cover the truth, and edgeless sweeps name no winner, on races whose true chances are known.
calibrate: install
	$(VENV)/bin/python -m benchmarks.calibrate

# Every fault of tests/integration/faults caused many times; prints the table of docs/reliability.md. An hour.
chaos: install
	BACKTEST_TEST_CHAOS=1 $(VENV)/bin/python -m pytest tests/integration/faults

# What the quick tests run in this process. What replays and servers do in theirs is the integration tests' to show.
coverage: install
	$(VENV)/bin/python -m pytest --numprocesses 2 --dist loadfile --cov --cov-report term \
		--cov-fail-under=85 tests/unit tests/property

# Known vulnerabilities of the pinned versions; asks PyPI.
audit: install
	$(PYTHON) -m venv $(VENV)/audit && $(VENV)/audit/bin/python -m pip install --quiet pip-audit
	$(VENV)/audit/bin/pip-audit --requirement constraints.txt --no-deps --disable-pip

lint: install
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports --no-cache --no-logo

# Files side by side on two cores: most of the time is waiting for servers, browsers and disks.
test: install $(FLUMINES_SOURCE)
	$(VENV)/bin/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

clean:
	rm -rf $(VENV) .prefect
