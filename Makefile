# Muster. `make help` lists the targets; the two that matter are `make demo` and `make test`.
# Set-up chatter goes to stderr, so that the last line of `make demo ARGS="--once --json"` is the JSON.

PYTHON ?= python3
ARGS ?=
PYTEST_ARGS ?=
BIN := .venv/bin
STAMP := .make

.PHONY: help demo test check serve worker assets pack browser rtsp lock bench bench-accuracy bench-recognition bench-wages bench-audit bench-fabrication bench-duplicates bench-pages test-costs clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(STAMP)/run $(STAMP)/assets pack ## set everything up and run the demonstration; ARGS="--once --json" for one JSON line
	@$(BIN)/muster demo $(ARGS)

# Fifty processes are started in a run, and each would compile the program anew where this is set (as in many images).
test test-costs: export PYTHONDONTWRITEBYTECODE =

test: $(STAMP)/test $(STAMP)/assets pack browser rtsp ## set everything up and run the whole suite
	@$(BIN)/python -m pytest -n auto --dist loadgroup $(PYTEST_ARGS)

test-costs: $(STAMP)/test $(STAMP)/assets pack browser rtsp ## run the suite and tell what each file costs in processor time
	@$(BIN)/python -m pytest -n auto --dist loadgroup -p tests.costs $(PYTEST_ARGS)

check: $(STAMP)/test ## formatting and house rules only
	@$(BIN)/ruff check app recognition devices migrations tests bench

serve: $(STAMP)/run $(STAMP)/assets pack ## run the service
	@$(BIN)/muster serve $(ARGS)

worker: $(STAMP)/run ## run the nightly jobs
	@$(BIN)/muster worker $(ARGS)

assets: $(STAMP)/assets ## fetch the pages' assets with npm

pack: $(STAMP)/run ## build the default model pack
	@$(BIN)/muster pack build 1>&2

bench: $(STAMP)/test pack ## measure recognition and the whole frame
	@$(BIN)/python -m bench.recognition
	@$(BIN)/python -m bench.frames
	@$(BIN)/python -m bench.overload
	@$(BIN)/python -m bench.streams

bench-accuracy: $(STAMP)/test pack ## how well the pack tells people apart: photographs, steps of the decision, simulated gates
	@$(BIN)/python -m bench.accuracy $(ARGS)

bench-recognition: $(STAMP)/test pack ## measure recognition beside onnxruntime and insightface; about five minutes
	@$(BIN)/python -m bench.recognition $(ARGS)

bench-wages: $(STAMP)/test ## measure a month of 5,000 workers, and of 50,000
	@$(BIN)/python -m bench.wages $(ARGS)

bench-fabrication: $(STAMP)/test ## measure how often suspicions are right and wrong
	@$(BIN)/python -m bench.fabrication $(ARGS)

bench-audit: $(STAMP)/test ## measure the night of a county: 60 projects, 30,000 workers, planted violations (ARGS="--database-url ...")
	@$(BIN)/python -m bench.audit $(ARGS)

bench-duplicates: $(STAMP)/test ## measure the search for one face under two ID numbers, among a million
	@$(BIN)/python -m bench.duplicates $(ARGS)

bench-pages: $(STAMP)/test $(STAMP)/assets ## measure every page of a project of 1,000 workers with a year of facts (ARGS="--keep FOLDER --months 4")
	@$(BIN)/python -m bench.pages $(ARGS)

lock: ## write the locks again from pyproject.toml
	@$(PYTHON) -m venv .make/lock && .make/lock/bin/pip install -q uv
	@compile=".make/lock/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header"; \
	echo "setuptools>=77" | $$compile - -o requirements-build.lock && \
	$$compile pyproject.toml -o requirements.lock && \
	$$compile --extra test -c requirements.lock pyproject.toml -o requirements-test.lock

clean: ## remove what the targets made (not var/, which may hold your data)
	rm -rf .venv .make node_modules app/static/vendor models/dlib-resnet-v1

# --- set-up -----------------------------------------------------------------------------------------------------

$(STAMP)/venv: requirements-build.lock
	@mkdir -p $(STAMP)
	@echo "setting up .venv (about a minute the first time)" 1>&2
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Muster needs Python 3.11 or newer; set PYTHON=..." 1>&2; exit 1; }
	@$(PYTHON) -m venv .venv 1>&2
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-build.lock 1>&2
	@touch $@

# No build isolation: the one package that comes as source is built with the locked setuptools.
$(STAMP)/run: $(STAMP)/venv requirements.lock pyproject.toml
	@$(BIN)/pip install --disable-pip-version-check --no-build-isolation --require-hashes -r requirements.lock 1>&2
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e . 1>&2
	@touch $@

$(STAMP)/test: $(STAMP)/run requirements-test.lock
	@$(BIN)/pip install --disable-pip-version-check --no-build-isolation --require-hashes -r requirements-test.lock 1>&2
	@touch $@

$(STAMP)/assets: $(STAMP)/run package-lock.json
	@$(BIN)/muster assets 1>&2
	@touch $@

# Pages are tested in a real browser where there is one, or where the package manager can bring one.
browser:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || \
	  { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	    { echo "installing chromium for the page tests" 1>&2; apt-get update -qq && \
	      DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-noto-cjk; } 1>&2; } || \
	  echo "no Chromium here: the page tests in a browser will be skipped" 1>&2

# Cameras are tested against a real RTSP server where there is one, or where the package manager can bring one.
rtsp:
	@/usr/bin/python3 -c 'import gi; gi.require_version("GstRtspServer", "1.0"); from gi.repository import GstRtspServer' 2>/dev/null || \
	  { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	    { echo "installing GStreamer's RTSP server for the camera tests" 1>&2; apt-get update -qq && \
	      DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-gi gstreamer1.0-rtsp \
	        gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base gstreamer1.0-plugins-good; } 1>&2; } || \
	  echo "no RTSP server here: the tests that pull from one will be skipped" 1>&2
