# How a layer of third-party packages builds. Its Makefile includes this file and may set
# `trim`, a command that is given the folder of the packages and takes out what is never used.
#
# The wheels are those of Lambda's platform, whatever the machine: ARCHITECTURE is x86_64 or arm64, as the template's
# parameter of that name, which recipes are not shown by SAM; `make build` exports it. RECORD goes, since it lists
# files that are trimmed; so do the console scripts, which nobody can call in Lambda.

ARCHITECTURE ?= $(shell uname -m)
PYTHON_PLATFORM ?= $(if $(filter arm64 aarch64,$(ARCHITECTURE)),aarch64,x86_64)-manylinux_2_28
unexport PYTHONPYCACHEPREFIX
packages := $(ARTIFACTS_DIR)/python
trim ?= true

build-%:
	@uv pip install --quiet --target "$(packages)" --python-platform $(PYTHON_PLATFORM) --python-version 3.13 \
		--only-binary :all: --require-hashes --no-deps --link-mode copy \
		-r requirements.txt
	@rm -rf "$(packages)/bin" "$(packages)/.lock"
	@find "$(packages)" \( -name RECORD -o -name INSTALLER -o -name REQUESTED -o -name '*.pyi' \
		-o -name '*.pyx' -o -name '*.pxd' -o -name '*.h' -o -name '*.c' \) -type f -delete
	@find "$(packages)" -type d \( -name tests -o -name __pycache__ \) -prune -exec rm -rf {} +
	@$(trim) "$(packages)"
	@PYTHONHASHSEED=0 python3.13 -m compileall -q -j 2 --invalidation-mode unchecked-hash \
		-s "$(ARTIFACTS_DIR)" -p /opt "$(ARTIFACTS_DIR)"
