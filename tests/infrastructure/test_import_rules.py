"""Import rules that import-linter cannot hold: it reads no namespace packages, which `functions`
are, and does not know which modules are adapters."""

import ast
import sys
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRODUCT = ROOT / "layers" / "tenantry"

# What contexts share: these packages are no contexts.
SHARED = {"messaging", "persistence", "runtime", "tenancy"}

# A module that imports one of these reaches out of the process.
OUTSIDE = {"boto3", "botocore", "dns", "requests", "stripe"}

# What functions may take beside the product: Powertools' resolvers are how they are called.
ALLOWED_TO_FUNCTIONS = {"tenantry", "aws_lambda_powertools"}


def module_name(path: Path, root: Path) -> str:
    return ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


FUNCTION_MODULES = {
    module_name(path, ROOT): path for path in sorted((ROOT / "functions").rglob("*.py"))
}
PRODUCT_MODULES = {
    module_name(path, PRODUCT): path for path in sorted((PRODUCT / "tenantry").rglob("*.py"))
}


def imported(path: Path) -> Iterator[str]:
    """The modules that a file imports anywhere in it, and the names it takes from them."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{name.name}" for name in node.names)


def top(module: str) -> str:
    return module.partition(".")[0]


# What must be, typed by hand: read from the product it would be what is.
TABLES = sorted(
    path
    for place in ("e2e/door.py", "e2e/doors/*.py", "contracts/permission_table.py")
    for path in (ROOT / "tests").glob(place)
) + sorted((ROOT / "tests" / "contracts" / "permissions").glob("*.py"))


@pytest.mark.parametrize("path", TABLES, ids=lambda path: str(path.relative_to(ROOT / "tests")))
def test_a_table_of_what_must_be_takes_nothing_from_the_product(path: Path) -> None:
    assert [module for module in imported(path) if top(module) in {"tenantry", "functions"}] == []


@pytest.mark.parametrize("name", FUNCTION_MODULES)
def test_a_function_takes_only_the_product_and_its_own_context(name: str) -> None:
    context = name.rpartition(".")[0]
    allowed = ALLOWED_TO_FUNCTIONS
    strange = {
        module
        for module in imported(FUNCTION_MODULES[name])
        if top(module) not in sys.stdlib_module_names | allowed
        and not module.startswith(f"{context}.")
    }
    assert strange == set()


@pytest.mark.parametrize("name", FUNCTION_MODULES)
def test_a_function_takes_adapters_from_a_bootstrap(name: str) -> None:
    assert [m for m in imported(FUNCTION_MODULES[name]) if is_protected(m)] == []


def test_what_reaches_outside_is_named_as_an_adapter() -> None:
    reaching = {
        name
        for name, path in PRODUCT_MODULES.items()
        if name.count(".") >= 2
        and name.split(".")[1] not in SHARED
        and name.split(".")[2] != "bootstrap"
        and any(top(module) in OUTSIDE for module in imported(path))
    }
    assert {name for name in reaching if not is_protected(name)} == set()


def is_protected(module: str) -> bool:
    """Itself or the package it lies in, whose modules take each other, as import-linter has it."""
    return any(
        fnmatchcase(module, pattern) or fnmatchcase(module, f"{pattern}.*") for pattern in PROTECTED
    )


def _protected() -> list[str]:
    configured = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = configured["tool"]["importlinter"]["contracts"]
    (adapters,) = (
        contract["protected_modules"]
        for contract in contracts
        if contract["name"] == "only a bootstrap imports adapters"
    )
    return list(adapters)


PROTECTED = _protected()
