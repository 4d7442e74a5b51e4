# Two commands on a fresh machine (Python 3.11 or later, make): `make demo` and `make test` set up all that they need.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 22

demo: .make/demo ## tune a real model on two worker processes, with ASHA
	$(BIN)/python examples/demo.py

test: .make/test ## all tests
	$(BIN)/python -m pytest -n 2 --dist worksteal tests

check: .make/dev ## format, lint, types, architecture, spelling
	$(BIN)/ruff format --check src tests examples benchmarks experiments
	$(BIN)/ruff check src tests examples benchmarks experiments
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell src tests examples benchmarks experiments docs *.md

format: .make/dev ## format the code in place
	$(BIN)/ruff format src tests examples benchmarks experiments
	$(BIN)/ruff check --fix src tests examples benchmarks experiments

docs: .make/test ## test what the documentation says: links, snippets, printed help
	$(BIN)/python -m pytest -q tests/docs

claims: .make/demo ## the papers' claims by simulation: claim, measured, verdict (10 minutes)
	$(BIN)/python benchmarks/claims.py

populations: .make/demo ## what is claimed of population based training, on populations that really train (20 minutes)
	$(BIN)/python benchmarks/populations.py

population-toy: .make/demo ## the toy of its paper, with its traps: figure 2 (2 minutes)
	$(BIN)/python benchmarks/population_toy.py

faults: .make/demo ## kill -9 of driver and workers, at 260 random instants (15 minutes)
	$(BIN)/python benchmarks/faults.py

forks: .make/demo ## what a population costs besides training: decisions of 1,000 members, forks of 100 MB (1 minute)
	$(BIN)/python benchmarks/forks.py

bench: .make/bench ## speed and memory, beside peers measured in the same run (15 minutes)
	$(BIN)/python benchmarks/speed.py

suggestions: .make/bench .make/hpbandster ## milliseconds of a model's suggestion, beside Optuna and HpBandSter (1 minute)
	$(BIN)/python benchmarks/suggestions.py

counting-ones: .make/bench ## BOHB's synthetic experiment, beside Optuna's TPE (15 minutes)
	$(BIN)/python benchmarks/counting_ones.py

real-data: .make/test ## methods on real data in PACELINE_DATA: the evidence for what is recommended (45 minutes)
	$(BIN)/python benchmarks/real_data.py

whatif: .make/test ## what-if answers from a record alone, beside the truth, on real data in PACELINE_DATA (5 minutes)
	$(BIN)/python benchmarks/whatif.py

population-rl: .make/population ## population based training of an actor-critic, beside random search (1 minute)
	$(BIN)/python examples/population_rl.py

population-gan: .make/population ## likewise, of a generative adversarial network (3 minutes)
	$(BIN)/python examples/population_gan.py

population-sequence: .make/population ## likewise, of a recurrent network on text (3 minutes)
	$(BIN)/python examples/population_sequence.py

compare-quick: .make/compare ## six methods on six real tasks in PACELINE_DATA, 20 seeds, 8 workers: a table and a page (2 minutes)
	$(BIN)/paceline compare random random-2x tpe asha bohb recommended --benchmark lcbench/146212 --benchmark lcbench/189862 \
		--benchmark taskset/imdb_patch32_GRU64_avg_bs128 --benchmark taskset/imdb_patch128_LSTM128_avg_bs64 \
		--benchmark rbv2_xgboost/54 --benchmark rbv2_rpart/1056 --cache .make/runs --output .make/compare-quick --force

# Peers that run in an environment of their own are told of it by these variables.
ELSEWHERE := PACELINE_HPBANDSTER_PYTHON=.make/hpbandster/bin/python PACELINE_DEHB_PYTHON=.make/dehb/bin/python

experiment: .make/experiments ## one of the papers' experiments: make experiment NAME=five-hundred-workers; without NAME, a list
	$(ELSEWHERE) $(BIN)/python experiments/run.py $(or $(NAME),--list)

experiments: .make/experiments .make/hpbandster .make/dehb tables ## all of them, with PACELINE_DATA: the evidence for docs/results.md (four hours)
	$(ELSEWHERE) $(BIN)/python experiments/run.py --all

tables: .make/compare ## benchmarks that are trained here, once: networks and support vector machines (15 minutes)
	$(BIN)/paceline tables --all

compare-peers: .make/bench .make/hpbandster .make/dehb ## other libraries' optimizers beside ours on four tasks in PACELINE_DATA, 5 seeds (an hour or more)
	$(ELSEWHERE) $(BIN)/paceline compare random asha bohb syne-tune-asha syne-tune-bohb syne-tune-bore hpbandster-bohb \
		smac-hyperband smac-blackbox dehb --benchmark counting_ones/4 --benchmark lcbench/146212 --benchmark rbv2_xgboost/54 \
		--benchmark taskset/imdb_patch32_GRU64_avg_bs128 --seeds 5 --budget 20 --cache .make/runs --output .make/compare-peers --force

test-peers: .make/bench .make/hpbandster .make/dehb ## the tests of the peers, none skipped
	$(ELSEWHERE) PACELINE_NO_SKIPS=1 $(BIN)/python -m pytest -q -n 2 --dist worksteal tests/comparison

honesty: .make/compare ## is a comparison honest: a method with itself, and two with a handicap, 100 times (25 minutes)
	$(BIN)/python benchmarks/honesty.py

million: .make/compare ## a million jobs of ASHA on a surrogate in PACELINE_DATA, on one core (10 minutes)
	$(BIN)/python benchmarks/million.py

clean: ## remove what these commands made
	rm -rf $(VENV) .make .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# Each stamp is one set of extras installed into .venv.
.make/venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Paceline needs Python 3.11 or later: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	@mkdir -p .make && touch $@

.make/demo: .make/venv pyproject.toml constraints.txt
	$(PIP) --editable '.[demo]' && touch $@

.make/test: .make/venv pyproject.toml constraints.txt
	$(PIP) --editable '.[test]' && touch $@

.make/dev: .make/venv pyproject.toml constraints.txt
	$(PIP) --editable '.[dev]' && touch $@

.make/population: .make/venv pyproject.toml constraints.txt
	$(PIP) --editable '.[population]' && touch $@

.make/compare: .make/venv pyproject.toml constraints.txt
	$(PIP) --editable '.[benchmarks,compare,frame,models]' && touch $@

.make/experiments: .make/venv pyproject.toml constraints.txt
	$(PIP) --editable '.[experiments]' && touch $@

.make/bench: .make/venv pyproject.toml constraints.txt
	$(PIP) --editable '.[test,peers]' && touch $@

# HpBandSter and DEHB need older versions of what Paceline needs: an environment of its own for each.
.make/hpbandster .make/dehb: .make/%: .make/venv benchmarks/%.txt
	$(PYTHON) -m venv --clear $@
	$@/bin/python -m pip install --quiet --disable-pip-version-check --requirement benchmarks/$*.txt || { rm -r $@; false; }
	touch $@

.PHONY: help demo test check format docs claims populations population-toy faults forks bench suggestions counting-ones \
	real-data population-rl population-gan population-sequence compare-quick compare-peers test-peers tables experiment \
	experiments honesty million whatif clean
