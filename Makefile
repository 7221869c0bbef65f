# `make demo` runs the main job, `make test` runs every check, `make docs` builds the site; each sets up what it needs.
PYTHON3 ?= python3
VENV := .venv/bin
PACKAGES := -p ChestCTLib -p LungRefineLib -p LesionSegLib -p COVIDMTLLib -p COVIDMTLApp -p ChestCTMRML -p ChestCTJobs -p ChestCTSlicer
OUT ?= out/demo
JOBS ?= 2

.PHONY: demo test lint gui docs clean

demo:
	@$(PYTHON3) tools/set_up.py demo
	@$(VENV)/python tools/demo.py "$(OUT)" $(if $(CT),"$(CT)") $(if $(VIEW),--view)

test: lint
	@$(VENV)/python -m pytest -n $(JOBS) --dist loadfile

lint:
	@$(PYTHON3) tools/set_up.py test
	@$(VENV)/ruff check .
	@$(VENV)/ruff format --check .
	@$(VENV)/mypy $(PACKAGES)
	@$(VENV)/lint-imports

gui:
	@$(PYTHON3) tools/set_up.py test
	@PYTHONPATH=Testing $(VENV)/python -m QtHost $(or $(MODULE),LungRefine)

# The generated pages (commands, model cards, results) are written anew; the site lies in site/index.html.
docs:
	@$(PYTHON3) tools/set_up.py test
	@$(VENV)/python tools/docs_pages.py
	@NO_MKDOCS_2_WARNING=1 $(VENV)/mkdocs build --strict
	@echo "Documentation: site/index.html"

clean:
	rm -rf .venv out site
