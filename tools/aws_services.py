"""The AWS services that the functions' code calls, read from the code.

    python -m tools.aws_services           write layers/core/services.txt, when it has changed
    python -m tools.aws_services --check   exit 1 when it is not current

`layers/core` ships botocore's models of these services only. One counts when its client is made by
a call of `client`, or of something that ends in `_client`, with its name as a literal, or when a
module takes from Powertools a provider that makes the client itself.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCES = (ROOT / "layers" / "tenantry", ROOT / "functions")
SERVICES = ROOT / "layers" / "core" / "services.txt"

_POWERTOOLS = "aws_lambda_powertools.utilities"
_PROVIDERS = {
    (f"{_POWERTOOLS}.parameters", "get_secret"): "secretsmanager",
    (f"{_POWERTOOLS}.parameters", "SecretsProvider"): "secretsmanager",
    (f"{_POWERTOOLS}.parameters", "set_secret"): "secretsmanager",
    (f"{_POWERTOOLS}.parameters", "get_parameter"): "ssm",
    (f"{_POWERTOOLS}.parameters", "get_parameters"): "ssm",
    (f"{_POWERTOOLS}.parameters", "get_parameters_by_name"): "ssm",
    (f"{_POWERTOOLS}.parameters", "set_parameter"): "ssm",
    (f"{_POWERTOOLS}.parameters", "SSMProvider"): "ssm",
    (f"{_POWERTOOLS}.parameters", "get_app_config"): "appconfigdata",
    (f"{_POWERTOOLS}.feature_flags", "AppConfigStore"): "appconfigdata",
    (f"{_POWERTOOLS}.idempotency", "DynamoDBPersistenceLayer"): "dynamodb",
}


class UnreadableClientError(Exception):
    """A session makes a client of a service that is named by no literal: which model ships?"""


def services_of(source: str, path: str = "<source>") -> set[str]:
    """The services that a module's source names; UnreadableClientError for one without a name."""
    return set(_services(ast.parse(source, path), path, inside=""))


def services_in(folders: tuple[Path, ...] = SOURCES) -> list[str]:
    """Every service that the modules below `folders` name, sorted."""
    modules = sorted(path for folder in folders for path in folder.rglob("*.py"))
    return sorted({name for path in modules for name in services_of(path.read_text(), str(path))})


def is_current() -> bool:
    """Whether `services.txt` lists exactly what the code names."""
    return SERVICES.exists() and SERVICES.read_text().split() == services_in()


def _services(node: ast.AST, path: str, inside: str) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        inside = node.name
    elif isinstance(node, ast.ImportFrom):
        for name in node.names:
            if service := _PROVIDERS.get((node.module or "", name.name)):
                yield service
    elif isinstance(node, ast.Call) and _makes_client(_called(node)):
        named = node.args[:1] or [key.value for key in node.keywords if key.arg == "service_name"]
        match named:
            case [ast.Constant(value=str(service))]:
                yield service
            # A function that makes clients for others passes a name on: its callers hold it.
            case [ast.Name()] if _of_session(node.func) and not _makes_client(inside):
                raise UnreadableClientError(f"{path}:{node.lineno}: name the service by a literal")
            case _:
                pass
    for child in ast.iter_child_nodes(node):
        yield from _services(child, path, inside)


def _called(call: ast.Call) -> str:
    match call.func:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case _:
            return ""


def _of_session(function: ast.expr) -> bool:
    match function:
        case ast.Attribute(value=ast.Attribute(attr=owner) | ast.Name(id=owner)):
            return owner == "boto3" or owner.lower().endswith("session")
        case _:
            return False


def _makes_client(name: str) -> bool:
    return name == "client" or name.endswith("_client")


def main(arguments: list[str]) -> int:
    if "--check" in arguments:
        if is_current():
            return 0
        print(f"{SERVICES.relative_to(ROOT)} is not what the code names: run `make lock`")
        return 1
    if not is_current():
        SERVICES.write_text("".join(f"{name}\n" for name in services_in()))
        print(f"wrote {SERVICES.relative_to(ROOT)}: {' '.join(services_in())}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
