# A fresh clone needs Python 3.11 or newer and make:  make demo  and  make test  do the rest.
PYTHON ?= python3

BIN := .venv/bin
INSTALLED := .venv/.installed

# One thread for each process: the grader forks, and results do not depend on the machine's size.
export OMP_NUM_THREADS ?= 1

.PHONY: help demo test check prove coverage scale bench bench-peers bench-attacks generate clean

help:
	@echo 'make demo           grade the bundled class, end to end, into build/demo/'
	@echo 'make test           test the tool'
	@echo 'make check          lint, types, layering, and whether assignments/ is current'
	@echo 'make prove          the slow proofs: isolation, and every solution, mistake and alternative'
	@echo 'make coverage       the branches of the sandbox and the worker that tests run: at least 95 %'
	@echo 'make scale          two hundred copies of the class in one run: same verdicts, flat memory'
	@echo 'make bench          measure speed'
	@echo 'make bench-peers    GradLab, otter-grader and nbgrader on the same notebooks: how fast?'
	@echo 'make bench-attacks  who gives points to wrong code? GradLab, otter-grader and nbgrader'
	@echo 'make generate       write assignments/ from reference/'
	@echo 'make clean          remove build products and caches; .venv stays'

demo: $(INSTALLED)
	@$(BIN)/gradlab demo

test: $(INSTALLED)
	@$(BIN)/python -m pytest -q -m 'not prove'

check: $(INSTALLED)
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q tests/autograder/test_layering.py
	@$(BIN)/gradlab release --check

# The tests come last: their closing line is the last word.
prove: $(INSTALLED)
	@$(BIN)/gradlab validate
	@$(BIN)/gradlab validate --mutants
	@$(MAKE) --no-print-directory coverage
	@$(BIN)/python -m pytest -q -m prove -n 2 --dist loadfile

# What a worker can read has its own slow proofs, which run no other lines.
coverage: $(INSTALLED)
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest tests/autograder/sandbox tests/autograder/worker -q \
	  --ignore=tests/autograder/sandbox/test_walk.py --ignore=tests/autograder/sandbox/test_secrets.py
	@$(BIN)/coverage combine -q
	@$(BIN)/coverage report

scale: $(INSTALLED)
	@SCALE_COPIES=200 $(BIN)/python -m pytest -q tests/autograder/test_scale.py

bench: $(INSTALLED)
	@$(BIN)/python benchmarks/run.py

# The other graders live in an environment of their own: their needs are not ours.
bench-peers: $(INSTALLED) build/peers/.installed
	@$(BIN)/python -m benchmarks.peers

bench-attacks: $(INSTALLED) build/peers/.installed
	@$(BIN)/python -m benchmarks.attacks

build/peers/.installed: benchmarks/peers.txt constraints.txt
	@mkdir -p build
	@$(PYTHON) -m venv build/peers
	@build/peers/bin/python -m pip install -qq --disable-pip-version-check \
	  -c constraints.txt -r benchmarks/peers.txt
	@touch $@

generate: $(INSTALLED)
	@$(BIN)/gradlab release -o assignments

clean:
	@rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage*
	@find . -name .venv -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "make: expected Python 3.11 or newer, got $$($(PYTHON) --version 2>&1)." \
	       "Name another one: make PYTHON=python3.12" >&2; exit 1; }
	@echo 'Installing into .venv (a minute or more: PyTorch is large)'
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -qq --disable-pip-version-check \
	  -c constraints.txt -e '.[notebook,grade,postgresql,similarity,dev,e2e]'
	@touch $@
