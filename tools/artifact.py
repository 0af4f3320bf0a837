"""Whether what `sam build` wrote may be deployed.

It may not when a folder that a template names was not built, a module lacks bytecode that Lambda's
Python takes as it is, or a compiled library is of another architecture.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

from tools.templates import functions

# PEP 552: flags 0b01 is bytecode that is checked against no source.
UNCHECKED_HASH = 1
# e_machine of the ELF header, by Lambda's name of the architecture.
MACHINES = {"x86_64": 0x3E, "arm64": 0xB7}


def faults(build: Path, architecture: str) -> Iterator[str]:
    """What is wrong with the artifact in `build`, a sentence each; nothing when it may go."""
    if not (build / "template.yaml").is_file():
        yield "nothing was built"
        return
    folders = set()
    for function in functions(build / "template.yaml"):
        for folder in (function.code, *function.layers):
            if folder.is_dir() and folder.resolve().is_relative_to(build.resolve()):
                folders.add(folder)
            else:
                yield f"{function.name}: {folder} was not built"
        if not (function.code / _module(function.handler)).is_file():
            yield f"{function.name}: no module for its handler {function.handler}"
    for folder in sorted(folders):
        yield from _faults_of(folder, architecture)


def _faults_of(folder: Path, architecture: str) -> Iterator[str]:
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".py" and (fault := _bytecode_fault(path)):
            yield f"{path}: {fault}"
        elif ".so" in path.suffixes and _machine(path) != MACHINES[architecture]:
            yield f"{path}: not built for {architecture}"


def _module(handler: str) -> Path:
    return Path(*handler.split(".")[:-1]).with_suffix(".py")


def _bytecode_fault(source: Path) -> str | None:
    # Not `cache_from_source`: this process may keep its own bytecode elsewhere, Lambda does not.
    compiled = source.parent / "__pycache__" / f"{source.stem}.{sys.implementation.cache_tag}.pyc"
    if not compiled.is_file():
        return "no bytecode"
    header = compiled.read_bytes()[:16]
    if header[:4] != importlib.util.MAGIC_NUMBER:
        return "bytecode of another Python"
    if int.from_bytes(header[4:8], "little") != UNCHECKED_HASH:
        return "bytecode that Lambda would hold for stale"
    if header[8:16] != importlib.util.source_hash(source.read_bytes()):
        return "bytecode of another source"
    return None


def _machine(library: Path) -> int:
    return int.from_bytes(library.read_bytes()[18:20], "little")
