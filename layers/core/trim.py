"""Take out of boto3, botocore and Powertools what the product's functions never open.

    python3.13 trim.py services.txt <folder of the packages>

botocore carries a model of every AWS service, gzipped: 25 MB of which a function reads the few it
names. Those in `services.txt` stay, in their newest version, uncompressed and without their prose,
since a cold start inflates and parses them; the rest goes, and `endpoints.json` keeps the endpoints
of the same services. Every file at the top of `data/` stays: without
`sdk-default-configuration.json` or `partitions.json` no client is made.

What a cold start would import for nothing is put off: packages that only pass on the names of their
modules import one when it is asked for, boto3 loads no machinery of S3 transfers before there is
one, and clients carry no docstrings. Each is worth a part of the cold start that `bench` measures.
A package that has changed stops the build.
"""

import ast
import gzip
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_PASS_ON = (
    "aws_lambda_powertools/event_handler",
    "aws_lambda_powertools/event_handler/openapi",
    "aws_lambda_powertools/utilities/data_classes",
)
"""Packages whose `__init__` does nothing but import names from their modules."""

_ON_USE = '''"""Passes on names of its modules, each imported when it is asked for."""

from importlib import import_module

_MODULES = {modules!r}
__all__ = list(_MODULES)


def __getattr__(name):
    if name not in _MODULES:
        raise AttributeError(f"module {{__name__!r}} has no attribute {{name!r}}")
    module, attribute = _MODULES[name]
    value = globals()[name] = getattr(import_module(module, __name__), attribute)
    return value
'''

_NO_DOCSTRINGS = '''"""Docstrings of clients' methods, which nobody reads in Lambda: empty."""


class LazyLoadedDocstring(str):
    def __new__(cls, *args, **kwargs):
        return super().__new__(cls)

    def __init__(self, *args, **kwargs):
        super().__init__()


def __getattr__(name):
    if name.endswith("Docstring"):
        return LazyLoadedDocstring
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
'''


def trim(services: frozenset[str], packages: Path) -> None:
    """Leave the models of `services` in `packages`; LookupError when botocore lacks one of them."""
    data = packages / "botocore" / "data"
    if unknown := [name for name in sorted(services) if not (data / name).is_dir()]:
        raise LookupError(f"botocore has no model of {', '.join(unknown)}")
    for folder in (data, packages / "boto3" / "data"):
        for entry in folder.iterdir():
            if entry.is_dir() and entry.name not in services:
                shutil.rmtree(entry)
    for name in sorted(services):
        _keep_newest(data / name)
    for compressed in sorted(data.rglob("*.json.gz")):
        compressed.with_suffix("").write_bytes(gzip.decompress(compressed.read_bytes()))
        compressed.unlink()
    models = [_without_prose(path) for path in sorted(data.rglob("service-2.json"))]
    _keep_endpoints(
        data / "endpoints.json", {model["metadata"]["endpointPrefix"] for model in models}
    )
    shutil.rmtree(packages / "boto3" / "examples", ignore_errors=True)


def put_off(packages: Path) -> None:
    """Have `packages` import later what most functions never use; LookupError for changed code."""
    for name in _PASS_ON:
        _pass_on_when_asked(packages / name / "__init__.py")
    for library in ("botocore", "boto3"):
        docs = packages / library / "docs"
        for module in docs.rglob("*.py"):
            if module != docs / "utils.py":
                module.unlink()
        (docs / "__init__.py").write_text("")
        (docs / "docstring.py").write_text(_NO_DOCSTRINGS)
    _replace(
        packages / "boto3" / "compat.py",
        ("from s3transfer.manager import TransferConfig\n", ""),
        # Of the s3transfer that is shipped beside it.
        ("hasattr(TransferConfig, 'UNSET_DEFAULT')", "True"),
    )
    # Metadata of packages: no layer has a plugin of pydantic's, and nothing here speaks HTTP/2.
    _replace(
        packages / "pydantic" / "plugin" / "_loader.py",
        ("import importlib.metadata as importlib_metadata\n", ""),
        ("os.getenv('PYDANTIC_DISABLE_PLUGINS')", "'__all__'"),
    )
    _replace(
        packages / "urllib3" / "http2" / "__init__.py",
        ("from importlib.metadata import version\n", ""),
        ('version("h2")', '__import__("importlib.metadata").metadata.version("h2")'),
    )
    # asyncio, for resolvers and records that are coroutines.
    _replace(
        packages / "aws_lambda_powertools" / "event_handler" / "appsync.py",
        ("import asyncio\n", "import inspect\n"),
        ("asyncio.iscoroutine(", "inspect.iscoroutine("),
        ("asyncio.gather(", "__import__('asyncio').gather("),
        ("asyncio.run(", "__import__('asyncio').run("),
    )
    _replace(
        packages / "aws_lambda_powertools" / "utilities" / "batch" / "base.py",
        ("import asyncio\n", ""),
        ("asyncio.", "__import__('asyncio')."),
    )


def _pass_on_when_asked(init: Path) -> None:
    modules = dict(_passed_on(ast.parse(init.read_text()), init))
    init.write_text(_ON_USE.format(modules=modules))


def _passed_on(tree: ast.Module, init: Path) -> Iterator[tuple[str, tuple[str, str]]]:
    """The names that a package passes on, each with its module and its name there."""
    for statement in tree.body:
        match statement:
            case ast.ImportFrom():
                module = "." * statement.level + (statement.module or "")
                for alias in statement.names:
                    yield alias.asname or alias.name, (module, alias.name)
            case ast.Expr(ast.Constant()) | ast.Assign(targets=[ast.Name("__all__")]):
                pass
            case _:
                raise LookupError(f"{init} does more than pass on names, line {statement.lineno}")


def _replace(path: Path, *changes: tuple[str, str]) -> None:
    text = path.read_text()
    for old, new in changes:
        if old not in text:
            raise LookupError(f"{path} has changed: no {old!r}")
        text = text.replace(old, new)
    path.write_text(text)


def _keep_newest(service: Path) -> None:
    """Leave the version of a model that a client takes, and of it what a client reads."""
    *older, newest = sorted(path for path in service.iterdir() if path.is_dir())
    for version in older:
        shutil.rmtree(version)
    for examples in newest.glob("examples-1.json*"):
        examples.unlink()


def _without_prose(path: Path) -> dict[str, Any]:
    """The model in `path`, which keeps no `documentation` that is text (a member is an object)."""

    def kept(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        return {k: v for k, v in pairs if not (k == "documentation" and isinstance(v, str))}

    model: dict[str, Any] = json.loads(path.read_text(), object_pairs_hook=kept)
    for parameter in model.get("clientContextParams", {}).values():
        parameter["documentation"] = ""  # botocore reads it, whatever it says
    path.write_text(json.dumps(model, separators=(",", ":")))
    return model


def _keep_endpoints(path: Path, prefixes: set[str]) -> None:
    endpoints = json.loads(path.read_text())
    for partition in endpoints["partitions"]:
        kept = {name: entry for name, entry in partition["services"].items() if name in prefixes}
        partition["services"] = kept
    path.write_text(json.dumps(endpoints, separators=(",", ":")))


if __name__ == "__main__":
    names = Path(sys.argv[1]).read_text().split()
    trim(frozenset(names), Path(sys.argv[2]))
    put_off(Path(sys.argv[2]))
