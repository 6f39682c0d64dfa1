# Set-up, demo and tests. Each target only calls pip, hornbook or pytest;
# without make, "pip install ." and "hornbook demo" do what "make demo" does.
#
#   make demo                       set up, then the whole road on real text
#   make setup TORCH="..."          other arguments for pip when it fetches torch
#   make test EXTRA=parity,book     also install the peers and the book's tools
#   HORNBOOK_TEX=system|tectonic|none   how TeX is installed

PYTHON ?= python3
VENV ?= .venv
TORCH ?=
EXTRA ?=

BIN := $(VENV)/bin
comma := ,
EXTRAS := dev$(if $(EXTRA),$(comma)$(EXTRA))
READY := $(VENV)/ready
READY_TEST := $(VENV)/ready-$(subst $(comma),-,$(EXTRAS))
PINS := $(VENV)/pins.txt

# The rooms where tensors flow; their shapes are checked in the tests
SHAPES := hornbook.model,hornbook.inference,hornbook.training,hornbook.tuning,hornbook.evaluation

# Slow tests run where CI=true
MARKS := not compiled and not endurance and not slow
ifeq ($(CI),true)
MARKS := not compiled and not endurance
endif

.PHONY: setup demo test check clean
.DELETE_ON_ERROR:

setup: $(READY)
	@$(BIN)/python -m hornbook.press.tex_setup
	@$(if $(filter demo,$(MAKECMDGOALS)),:,echo 'ready: try $(BIN)/hornbook demo')

demo: setup
	$(BIN)/hornbook demo

test: export PYTHONWARNDEFAULTENCODING = 1
test: $(READY_TEST)
	@$(BIN)/python -m hornbook.press.tex_setup
	@case ',$(EXTRA),' in *,book,*) \
	  HORNBOOK_TEX=tectonic $(BIN)/python -m hornbook.press.tex_setup;; esac
	$(MAKE) --no-print-directory check
	$(BIN)/python -m pytest -m compiled
	$(BIN)/python -m pytest -m "$(MARKS)" --jaxtyping-packages=$(SHAPES),shape_checker.check

check: $(READY_TEST)
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist $(VENV)

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# The pins, without torch's where TORCH chooses it
$(PINS): constraints.txt Makefile | $(BIN)/python
ifeq ($(TORCH),)
	cp constraints.txt $@
else
	grep -v '^torch==' constraints.txt > $@
endif

# torch comes first, so that its arguments do not reach other packages
define install
@if [ -z '$(TORCH)' ] && [ "$$(uname -s)" = Linux ] \
  && [ ! -e /proc/driver/nvidia/version ] \
  && ! $(BIN)/python -c 'import torch' 2>/dev/null; then \
  echo 'No NVIDIA card here. Unless this machine is set up otherwise, pip now'; \
  echo 'takes the CUDA build of torch: 0.5 GB, and several GB with its libraries.'; \
  echo 'For the CPU build (0.2 GB) stop this and give its index as the install'; \
  echo 'page of PyTorch shows it: make setup TORCH="torch --index-url ..."'; \
fi
$(BIN)/python -m pip install --quiet --constraint $(PINS) $(if $(TORCH),$(TORCH),torch)
$(BIN)/python -m pip install --quiet --constraint $(PINS) --editable '.$(1)'
@touch $@
endef

$(READY): pyproject.toml $(PINS)
	$(call install,)

$(READY_TEST): pyproject.toml $(PINS)
	$(call install,[$(EXTRAS)])
