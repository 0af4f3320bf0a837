"""Each module of the product imports alone, and importing asks nothing of the environment."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

LAYER = Path(__file__).parents[3] / "layers" / "tenantry"
FILES = sorted((LAYER / "tenantry").rglob("*.py"))
MODULES = [
    ".".join(file.relative_to(LAYER).with_suffix("").parts).removesuffix(".__init__")
    for file in FILES
]

# One process has the libraries and forks for each module, so that each of ours is the first.
_ALONE = """
import importlib, os, sys
import boto3, pydantic, uuid_utils, dns.resolver, boto3.dynamodb.types
import aws_lambda_powertools.event_handler, aws_lambda_powertools.metrics
import aws_lambda_powertools.utilities.batch, aws_lambda_powertools.logging
def no_client(*args, **kwargs):
    raise AssertionError("a client was made at import")
boto3.session.Session.client = no_client
failed = 0
for name in sys.argv[1:]:
    sys.stdout.flush()
    child = os.fork()
    if not child:
        try:
            importlib.import_module(name)
        except BaseException as error:
            print(f"{name}: {type(error).__name__}: {error}")
            sys.stdout.flush()
            os._exit(1)
        os._exit(0)
    failed += os.waitpid(child, 0)[1] != 0
sys.exit(failed != 0)
"""


def test_every_module_imports_alone_without_any_setting() -> None:
    environment = {"PYTHONPATH": str(LAYER), "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [sys.executable, "-c", _ALONE, *MODULES],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("", 0), done.stderr


def _reads_environment(source: str) -> bool:
    return any(
        isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv", "environb")
        for node in ast.walk(ast.parse(source))
    )


def test_only_settings_reads_the_environment() -> None:
    reading = {
        str(file.relative_to(LAYER)) for file in FILES if _reads_environment(file.read_text())
    }
    assert reading == {"tenantry/runtime/settings.py"}


@pytest.mark.parametrize(
    ("source", "reads"),
    [("import os; os.environ['A']", True), ("import os; os.getenv('A')", True), ("x = 1", False)],
)
def test_a_reader_of_the_environment_is_noticed(source: str, reads: bool) -> None:
    assert _reads_environment(source) == reads


@pytest.mark.parametrize("name", ["model.py", "service.py", "repository.py", "events.py"])
def test_rules_and_services_know_no_aws(name: str) -> None:
    for file in FILES:
        if file.name != name:
            continue
        imported = {
            module.split(".")[0]
            for node in ast.walk(ast.parse(file.read_text()))
            for module in (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
        }
        assert not imported & {"boto3", "botocore", "types_boto3_dynamodb"}, file
