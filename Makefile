# Two commands matter: `make app` and `make test`. Both set up what they need; second runs skip it.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8501

.PHONY: app test setup browser lint types bench soak sample starter screenshots clean

app: setup
	$(BIN)/python -m tagger app --port $(PORT)

# Two at a time: much of a browser test is waiting. A worker that has nothing left takes tests from the other.
test: setup browser
	$(BIN)/python -m pytest -n 2 --dist worksteal

setup: $(VENV)/.ready

# The stamp is younger than the requirements when everything in them is installed.
$(VENV)/.ready: requirements.txt requirements-dev.txt
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is needed: install it, or name it with 'make PYTHON=/path/to/python3.11 …'"; exit 1; }
	@echo "Setting up $(VENV). The first time this downloads about 1 GB and takes minutes."
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

browser: setup
	$(BIN)/python tests/browser/install.py

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy tagger

bench: setup
	$(BIN)/python -m benchmarks

soak: setup
	$(BIN)/python -m pytest -m soak

sample: setup
	$(BIN)/python data/sample/generate.py

starter: setup
	$(BIN)/python -m models.train_starter

screenshots: setup browser
	mkdir -p docs/screenshots
	TAGGER_SCREENSHOTS=docs/screenshots $(BIN)/python -m pytest tests/browser/test_walk.py -k sample

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
