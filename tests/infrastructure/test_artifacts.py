"""What `sam build` made starts as Lambda starts it: from read-only folders, with nothing else on
the path, its bytecode taken as it is. `make infrastructure` builds it first."""

import json
import marshal
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import precomputed
from tools.artifact import faults
from tools.templates import Function, functions, load

ROOT = Path(__file__).parents[2]
BUILD = ROOT / ".aws-sam" / "build"
START_HANDLER = Path(__file__).with_name("start_handler.py")

# Unpacked, a function with its layers. Lambda's limit is 250 MB; what we ship is a fraction of it,
# and what is unpacked is read at a cold start.
LARGEST_UNPACKED = 45 * 1024 * 1024
# What a layer that few functions name may add to that: a start reads of it what it uses.
_BESIDE = {"BillingLayer": 18, "ReportsLayer": 40, "SealingLayer": 18}

# Variables that the template computes and for which not every word will do.
_GIVEN = {
    "POWERTOOLS_LOG_LEVEL": "INFO",
    "LEGACY_DIRECTORY": "table",
}

# They compile functions of their own, and reach the builtin where nothing else is looked up. The
# last comes with a client of S3.
_COMPILE_THEMSELVES = {
    "six",
    "botocore.vendored.six",
    "typing_inspection.typing_objects",
    "multiprocessing.managers",
}

FUNCTIONS = {function.name: function for function in functions(ROOT / "template.yaml")}
every_function = pytest.mark.parametrize("name", sorted(FUNCTIONS))


@dataclass(frozen=True)
class Start:
    """How a handler started."""

    callable: bool
    compiled: list[str]
    texts: list[tuple[str, str]]
    patterns: list[str]
    models: list[str]
    modules: list[str]
    files: dict[str, str]


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the artifact that nobody can write to, root's rights aside."""
    assert (BUILD / "template.yaml").is_file(), "nothing was built: run `make build`"
    copy = tmp_path_factory.mktemp("artifact") / "build"
    shutil.copytree(BUILD, copy)
    _chmod(copy, writable=False)
    yield copy
    _chmod(copy, writable=True)


def _chmod(folder: Path, *, writable: bool) -> None:
    for path in [folder, *folder.rglob("*")]:
        mode = path.stat().st_mode
        path.chmod(mode | 0o200 if writable else mode & ~0o222)


@cache
def built(folder: Path) -> dict[str, Function]:
    return {function.name: function for function in functions(folder / "template.yaml")}


@cache
def started(function: Function) -> Start:
    """The function's handler, started in a process that knows nothing but what Lambda unpacks."""
    before = _files(function)
    start = _start(function, [layer / "python" for layer in function.layers])
    assert _files(function) == before, "a start wrote into what Lambda keeps read-only"
    return start


def _start(function: Function, layers: list[Path]) -> Start:
    folders = [function.code, *layers]
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(START_HANDLER), function.handler, *map(str, folders)],
        env=_environment(function),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return Start(**json.loads(done.stdout.splitlines()[-1]))


def _files(function: Function) -> set[Path]:
    return {path for folder in (function.code, *function.layers) for path in folder.rglob("*")}


def _environment(function: Function) -> dict[str, str]:
    """What Lambda sets, and each variable of the template: its words, a number or something."""
    declared = _variables(load(function.template).get("Globals", {}).get("Function", {}))
    declared |= _variables(function.properties)
    parameters = load(function.template).get("Parameters", {})
    numbers = [{"Ref": name} for name, each in parameters.items() if each["Type"] == "Number"]
    given = {
        name: value
        if isinstance(value, str)
        else _GIVEN.get(name, "1" if value in numbers else "something")
        for name, value in declared.items()
    }
    return given | {
        "PATH": os.defpath,
        "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_LAMBDA_FUNCTION_NAME": function.name.replace("/", "-"),
    }


def _variables(properties: Any) -> dict[str, Any]:
    return dict(properties.get("Environment", {}).get("Variables", {}))


def test_every_function_of_the_sources_was_built(unpacked: Path) -> None:
    assert set(built(unpacked)) == set(FUNCTIONS)


def test_the_artifact_may_be_deployed(unpacked: Path) -> None:
    machine = "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"
    assert list(faults(unpacked, machine)) == []


@every_function
def test_its_handler_starts_with_what_the_template_tells_it(unpacked: Path, name: str) -> None:
    assert started(built(unpacked)[name]).callable


@every_function
def test_no_module_is_compiled_at_its_start(unpacked: Path, name: str) -> None:
    assert started(built(unpacked)[name]).compiled == []


@every_function
def test_no_text_and_no_pattern_is_compiled_at_its_start(unpacked: Path, name: str) -> None:
    """But the patterns of its own routes, which are few."""
    start = started(built(unpacked)[name])

    assert {module for module, _ in start.texts} <= _COMPILE_THEMSELVES
    assert [pattern for pattern in start.patterns if not pattern.startswith("^/")] == []


def test_without_the_table_all_is_compiled_as_ever(unpacked: Path, tmp_path: Path) -> None:
    function = built(unpacked)["Organizations/ApiFunction"]
    layers = []
    for layer in function.layers:
        layers.append(tmp_path / layer.name)
        shutil.copytree(layer / "python", layers[-1])
        (layers[-1] / precomputed.TABLE).unlink(missing_ok=True)

    start = _start(function, layers)

    assert start.callable
    assert len([module for module, _ in start.texts if module not in _COMPILE_THEMSELVES]) > 100
    assert len(start.patterns) > 50


def test_the_table_holds_what_python_would_compile(unpacked: Path) -> None:
    built_for, patterns, codes = precomputed.read(
        str(unpacked / "TenantryLayer" / "python" / precomputed.TABLE)
    )

    assert built_for == precomputed.FOR
    assert len(patterns) > 100
    assert len(codes) > 200
    compiler: Any = vars(re)["_compiler"]
    for (pattern, flags), compiled in patterns.items():
        looked_up = precomputed.pattern_of(pattern, compiled)
        assert looked_up == compiler.compile(pattern, flags)
        assert looked_up.groupindex == re.compile(pattern, flags).groupindex
    for (source, mode), code in codes.items():
        assert marshal.loads(code) == compile(source, "<string>", mode)


@every_function
def test_it_starts_without_the_x_ray_sdk(unpacked: Path, name: str) -> None:
    assert "aws_xray_sdk" not in started(built(unpacked)[name]).modules


@every_function
def test_it_reads_only_models_of_services_that_its_role_may_call(unpacked: Path, name: str) -> None:
    may_call = _services_of_role(FUNCTIONS[name])
    read = set(started(built(unpacked)[name]).models)
    assert read <= may_call


@every_function
def test_it_needs_nothing_but_its_layers_and_python(unpacked: Path, name: str) -> None:
    function = built(unpacked)[name]
    allowed = (
        *(str(folder) for folder in (function.code, *function.layers)),
        sysconfig.get_path("stdlib"),
        sysconfig.get_path("platstdlib"),
        str(Path(sys.base_prefix) / "lib"),
        str(START_HANDLER),
    )
    strangers = {
        module: path
        for module, path in started(function).files.items()
        if not path.startswith(allowed) or "site-packages" in path
    }
    assert strangers == {}


@every_function
def test_it_stays_under_the_bound_unpacked(unpacked: Path, name: str) -> None:
    function = built(unpacked)[name]
    folders = (function.code, *function.layers)
    size = sum(
        path.stat().st_size for folder in folders for path in folder.rglob("*") if path.is_file()
    )
    beside = sum(_BESIDE.get(layer.name, 0) for layer in function.layers)
    assert size <= LARGEST_UNPACKED + beside * 1024 * 1024, f"{size / 1024 / 1024:.1f} MB"


def _services_of_role(function: Function) -> set[str]:
    """The services that the statements of the function's role name, as their models are called."""
    resources = load(function.template)["Resources"]
    role = resources[function.properties["Role"]["Fn::GetAtt"][0]]
    prefixes = {action.split(":")[0] for action in _actions(role["Properties"]["Policies"])}
    return {_MODELS.get(prefix, prefix) for prefix in prefixes}


_MODELS = {"states": "stepfunctions", "tag": "resourcegroupstaggingapi"}
"""Where a service's model is called otherwise than its prefix in IAM."""


def _actions(node: Any) -> Iterator[str]:
    match node:
        case {"Action": str(action)}:
            yield action
        case {"Action": [*actions]}:
            yield from actions
        case dict():
            for value in node.values():
                yield from _actions(value)
        case list():
            for value in node:
                yield from _actions(value)


_CALL_EACH = """
import sys
sys.path[:0] = [sys.argv[1]]
import boto3
for service in sys.argv[2:]:
    client = boto3.client(service)
    operation = client.meta.method_to_api_mapping[sorted(client.meta.method_to_api_mapping)[0]]
    model = client.meta.service_model.operation_model(operation)
    client._resolve_endpoint_ruleset(model, {}, {"client_region": "eu-central-1"})
"""


def test_every_model_that_ships_says_where_its_calls_go(unpacked: Path) -> None:
    """botocore reads of a model, at the first call, what a client's making does not look at."""
    core = unpacked / "CoreLayer" / "python"
    services = (ROOT / "layers" / "core" / "services.txt").read_text().split()
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _CALL_EACH, str(core), *services],
        env={"AWS_DEFAULT_REGION": "eu-central-1", "PATH": os.defpath},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
