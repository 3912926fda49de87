# `make backtest` and `make test` work from nothing: python3 (3.11 to 3.13) with pip, and make.
PYTHON ?= python3
VENV := .venv
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
INSTALLED := $(VENV)/installed-$(VERSION)

.PHONY: install backtest bench sameness lint test clean

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
		{ echo "$(PYTHON) is $(VERSION); 3.11 to 3.13 are needed, say: PYTHON=python3.13 make"; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(VENV)/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[test]'
	@touch $@

backtest: install
	$(VENV)/bin/backtest sample

# make bench ARCHIVE=month.tar PREDICTIONS=ratings.csv TIMES=30; without, the generated month is measured.
bench: install
	$(VENV)/bin/python -m benchmarks.bench $(ARCHIVE) $(PREDICTIONS) $(if $(TIMES),--times $(TIMES))

# Every book of every real market through flumine's own stream and ours; `make test` compares some.
sameness: install
	BACKTEST_TEST_WHOLE=1 $(VENV)/bin/python -m pytest --timeout 3600 tests/golden

lint: install
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy

test: install
	$(VENV)/bin/python -m pytest

clean:
	rm -rf $(VENV) .prefect
