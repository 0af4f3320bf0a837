# How the functions of a context build. Each functions/<context>/Makefile only includes this file.
#
# SAM runs `make build-<LogicalId>` in a copy of the context's folder and takes what lies in ARTIFACTS_DIR. The code
# goes to functions/<context>/ there, so that Lambda, tests and mypy know a module by one name. Bytecode is compiled
# with unchecked hashes because SAM gives every file the date 1980-01-01: Python would hold anything else for stale and
# compile each module again at every cold start. Its first import, that of the package `functions`, has Python look up
# what layers/tenantry/precomputed.py holds.

# A context that ships more than code says how in `extra`, before it includes this file.

context := $(notdir $(patsubst %/,%,$(dir $(firstword $(MAKEFILE_LIST)))))
unexport PYTHONPYCACHEPREFIX
target := $(ARTIFACTS_DIR)/functions/$(context)

build-%:
	@mkdir -p "$(target)"
	@find . -name '*.py' -not -path './.*' | sort | tar -cf - -T - | tar -xf - -C "$(target)"
	@printf 'import precomputed\n\nprecomputed.install()\n' > "$(ARTIFACTS_DIR)/functions/__init__.py"
	@$(or $(extra),:)
	@PYTHONHASHSEED=0 python3.13 -m compileall -q --invalidation-mode unchecked-hash \
		-s "$(ARTIFACTS_DIR)" -p /var/task "$(ARTIFACTS_DIR)"
