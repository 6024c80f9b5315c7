# Everything there is to do in a checkout. Each target first sets up what it needs.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
# All tests of a file go to one worker, so what they share is made once.
WORKERS := -n 2 --dist loadfile
CORE := $(wildcard $(addprefix wavegen/native/,*.cpp *.hpp *.h *.map CMakeLists.txt))

# Threads that wait by spinning are up to ten times slower where something else uses the cores too.
test test-all demo: export OMP_WAIT_POLICY = passive

.PHONY: test test-all lint demo bench clean

test: lint  ## the checks, and the tests that take seconds
	$(BIN)/pytest $(WORKERS)

test-all: lint  ## the long tests too
	$(BIN)/pytest $(WORKERS) -m ""

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

demo: $(READY)  ## a few minutes from recordings to demo/*.wav and demo/*.png, and a chorale
	rm -rf demo
	$(BIN)/wavegen train audio assets/recordings -o demo/run --preset small --domain.rate_hz 8000 \
	    --domain.valid_percent 10 --domain.test_percent 0 --trainer.batch 2 --model.dropout 0.1 \
	    --minutes 2 --observe curve
	$(BIN)/wavegen sample demo/run -o demo/sample.wav --seconds 1 -n 8 --seed 7 \
	    --picture demo/sample.png
	cp demo/run/curve.png demo/curve.png
	$(BIN)/wavegen sample tabla -o demo/tabla.wav --seconds 8 --seed 3 \
	    --picture demo/tabla.png
	$(BIN)/wavegen info demo/run
	$(BIN)/wavegen sample bach -o demo/bach.mid --key G --seconds 48 --temperature .9 \
	    --seed 7 --filter chorale-parallels --picture demo/bach.png
	$(BIN)/wavegen sample bach -o demo/bach.wav --key G --seconds 48 --temperature .9 \
	    --seed 7 --filter chorale-parallels

bench: $(READY)  ## training speed on this machine, beside a plain Conv1d formulation
	$(BIN)/wavegen bench train --config S

clean:
	rm -rf .venv demo dist build .pytest_cache .ruff_cache .hypothesis
	rm -rf $(addprefix wavegen/native/,*.so .cmake CMakeCache.txt CMakeFiles CMakeInit.txt)

$(READY): pyproject.toml constraints.txt $(CORE)
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "wavegen needs Python 3.11 or newer: make PYTHON=/path/to/python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet -c constraints.txt -e ".[dev]"
	@touch $@
