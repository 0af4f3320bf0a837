"""The templates as data: YAML with CloudFormation's short functions, SAM's Globals applied."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools import templates as sources

ROOT = Path(__file__).parents[2]

type Json = dict[str, Any]


@dataclass(frozen=True)
class Template:
    """One template; `name` is its context, or `root`."""

    name: str
    body: Json

    def resources(self, *types: str) -> Iterator[tuple[str, Json]]:
        """Logical id and resource, of `types` when some are named."""
        for logical_id, resource in self.body["Resources"].items():
            if not types or resource["Type"] in types:
                yield logical_id, resource

    def properties(self, *types: str) -> Iterator[tuple[str, Json]]:
        for logical_id, resource in self.resources(*types):
            yield logical_id, resource.get("Properties", {})

    def functions(self) -> Iterator[tuple[str, Json]]:
        """Logical id and properties of each function, with what Globals adds to them."""
        shared = self.body.get("Globals", {}).get("Function", {})
        for logical_id, own in self.properties("AWS::Serverless::Function"):
            variables = [each.get("Environment", {}).get("Variables", {}) for each in (shared, own)]
            yield (
                logical_id,
                {
                    **shared,
                    **own,
                    "Layers": [*shared.get("Layers", []), *own.get("Layers", [])],
                    "Environment": {"Variables": variables[0] | variables[1]},
                },
            )


def parse(name: str, text: str) -> Template:
    return Template(name, sources.parse(text))


def templates() -> list[Template]:
    """The root and the nested template of every context."""
    nested = sorted((ROOT / "functions").glob("*/template.yaml"))
    return [
        parse("root", (ROOT / "template.yaml").read_text()),
        *(parse(path.parent.name, path.read_text()) for path in nested),
    ]


def transformed(template: Template) -> Json:
    """What CloudFormation makes of the template: SAM's resources expanded."""
    from samtranslator.translator.transform import (  # type: ignore[import-untyped]  # no stubs
        transform,
    )

    body = copy.deepcopy(template.body)
    for resource in body["Resources"].values():
        properties = resource.setdefault("Properties", {})
        for local in ("CodeUri", "ContentUri"):
            if local in properties:
                properties[local] = "s3://bucket/key"
        if resource["Type"] == "AWS::Serverless::Function":
            properties.setdefault("CodeUri", "s3://bucket/key")
    body.get("Globals", {}).get("Function", {}).pop("CodeUri", None)
    expanded: Json = transform(body, {}, _NoManagedPolicies())
    return expanded


class _NoManagedPolicies:
    def load(self) -> Json:
        return {}


def walk(value: Any) -> Iterator[Any]:
    """`value` and everything inside it."""
    yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for each in inner:
        yield from walk(each)


def target(value: Any) -> str:
    """The logical id that a Ref or GetAtt points at; "" for anything else."""
    match value:
        case {"Ref": str(name)}:
            return name
        case {"Fn::GetAtt": [str(name), *_]}:
            return name
        case _:
            return ""


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
