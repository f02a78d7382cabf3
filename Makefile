# Everything lives in this folder: uv in .uv, the environment in .venv. Needs python3 (3.11+), pip and make.
.DELETE_ON_ERROR:
SHELL := /bin/bash
UV := .uv/bin/uv
PY := .venv/bin/python

.PHONY: setup demo test lint style soak bench lock clean docs pictures

# a machine that writes no bytecode (PYTHONDONTWRITEBYTECODE) would compile our modules at every command
setup: .venv/.ready
	@$(PY) -m compileall -q pipeline

# --target keeps pip out of the system's Python, so it works where that is marked as externally managed
$(UV):
	python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target .uv 'uv>=0.8'

.venv/.ready: requirements.lock pyproject.toml | $(UV)
	@echo "正在安装程序包，第一次要几分钟，请稍候……"
	test -x $(PY) || $(UV) venv --quiet --python python3 .venv
	$(UV) pip sync --compile-bytecode --python $(PY) --require-hashes requirements.lock
	$(UV) pip install --quiet --python $(PY) --no-deps --editable .
	touch $@

demo: setup
	.venv/bin/mingce demo

lint: setup style
	.venv/bin/pyright

style: setup
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .

# types are checked beside the tests (one core is enough for them); what is wrong with them is told at the end;
# commands that tests start find their modules compiled
test: export PYTHONDONTWRITEBYTECODE :=
test: setup style
	.venv/bin/pyright > .venv/types.txt & types=$$!; \
	  $(PY) -m pytest -n 2 --dist worksteal -m 'not soak and not bench'; tests=$$?; \
	  wait $$types || { cat .venv/types.txt; exit 1; }; exit $$tests

soak: setup
	$(PY) -m pytest -m soak --timeout 7200

# sizes for the page; longer ones by MINGCE_SCALE (docs/scale.md)
bench: export MINGCE_SCALE ?= 8000,80000,400000
bench: setup
	MINGCE_BENCHMARKS=docs/benchmarks.md $(PY) -m pytest -m bench --timeout 7200 -s

docs: setup
	$(PY) -m tests.spec.guide > docs/rules.md
	$(PY) -m tests.spec.catalogue

lock: $(UV)
	$(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url --python-version 3.11 \
	  --group dev --all-extras pyproject.toml -o requirements.lock

clean:
	rm -rf .venv .uv reports/demo

# needs Chromium and poppler; look at each picture before committing it
pictures: setup
	$(PY) docs/pictures/make.py
