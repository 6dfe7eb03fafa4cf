# Everything a checkout needs is installed into .venv by the targets themselves.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test test-long test-kernels test-endurance bench lint check screenshots bpf clean

help: ## Show this
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 22

run: $(VENV)/.run ## Install into .venv if needed, and open the app
	@$(BIN)/hpview

test: $(VENV)/.dev ## Run the tests, two halves at once; what needs root or BPF is skipped, with the reason, where missing
	@$(BIN)/python tests/halves.py

test-long: $(VENV)/.dev ## 1,000 rounds of the streams in lock-step, 8 GiB, and verdicts under every setting
	HPVIEW_LOCKSTEP_ROUNDS=1000 HPVIEW_CHURN_SECONDS=10 HPVIEW_LARGE_MIB=8192 \
		HPVIEW_LONG_REASONS=1 $(BIN)/pytest \
		tests/test_streams_agree.py tests/test_resume_cases.py tests/test_churn.py tests/test_large.py \
		tests/test_reasons_kernel_agrees.py tests/test_reasons_khugepaged.py

test-kernels: $(VENV)/.dev ## Boot Debian's kernels under QEMU and test hpview in each
	$(BIN)/pytest tests/kernels/test_boots.py

test-endurance: $(VENV)/.dev ## The app for ten minutes over a machine that does not hold still, and every fault at every step
	HPVIEW_ENDURANCE_SECONDS=$${HPVIEW_ENDURANCE_SECONDS:-600} $(BIN)/pytest tests/endurance tests/test_faults_*.py

bench: $(VENV)/.dev ## Measure hpview beside other tools; BENCH="--thpmaps FILE" adds options
	$(BIN)/python -m bench $(BENCH)

lint: $(VENV)/.dev ## ruff, as in CI
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

check: $(VENV)/.dev ## mypy --strict, as in CI
	$(BIN)/mypy

screenshots: $(VENV)/.run ## Draw screenshots/ again from the demo process
	$(BIN)/python screenshots/make.py

bpf: ## Rebuild the BPF program; needs clang and bpftool
	$(MAKE) -C bpfprog

clean: ## Remove .venv and caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info build

$(VENV)/.run: $(BIN)/pip pyproject.toml
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.dev: $(BIN)/pip pyproject.toml
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ $(VENV)/.run

# Debian and Ubuntu ship Python without what venv needs.
$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo 'hpview needs Python 3.11 or later (make PYTHON=python3.12 run)'; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get update -qq && apt-get install -qq -y python3-venv; \
		else \
			echo 'Python has no venv here; on Debian and Ubuntu: sudo apt install python3-venv'; exit 1; \
		fi
	@$(PYTHON) -m venv $(VENV)
