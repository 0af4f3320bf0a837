"""The functions of the root template and of those nested in it, and what they are made of.

Works on the sources (`template.yaml`) and on what `sam build` wrote of them
(`.aws-sam/build/template.yaml`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True)
class Function:
    """A function: where it is declared, what it runs, and the folders that Lambda would unpack."""

    template: Path
    application: str
    logical_id: str
    handler: str
    code: Path
    layers: tuple[Path, ...]
    properties: Mapping[str, Any] = field(repr=False, compare=False)

    @property
    def name(self) -> str:
        """`Identity/ApiFunction`, as SAM calls it."""
        return f"{self.application}/{self.logical_id}" if self.application else self.logical_id


def load(path: Path) -> dict[str, Any]:
    """The template at `path`."""
    return parse(path.read_text())


def parse(text: str) -> dict[str, Any]:
    """A template; the tag `!Ref X` reads as `{"Ref": "X"}`, `!Sub x` as `{"Fn::Sub": "x"}`."""
    template: dict[str, Any] = yaml.load(text, _Loader)
    return template


def functions(path: Path) -> list[Function]:
    """Every function that the template at `path` deploys, nested ones included."""
    return list(_functions(path, "", {}))


def _functions(path: Path, application: str, given: dict[str, Path]) -> Iterator[Function]:
    template = load(path)
    resources = template["Resources"]
    layers = given | {
        name: path.parent / resource["Properties"]["ContentUri"]
        for name, resource in resources.items()
        if resource["Type"] == "AWS::Serverless::LayerVersion"
    }
    shared = template.get("Globals", {}).get("Function", {})
    for name, resource in resources.items():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Serverless::Function":
            # SAM appends a function's own layers to those of Globals.
            named = [*shared.get("Layers", []), *properties.get("Layers", [])]
            yield Function(
                template=path,
                application=application,
                logical_id=name,
                handler=properties["Handler"],
                code=path.parent / properties.get("CodeUri", shared.get("CodeUri", ".")),
                layers=tuple(dict.fromkeys(layers[layer["Ref"]] for layer in named)),
                properties=shared | properties,
            )
        elif resource["Type"] == "AWS::Serverless::Application":
            passed = {
                parameter: layers[value["Ref"]]
                for parameter, value in properties.get("Parameters", {}).items()
                if isinstance(value, dict) and value.get("Ref") in layers
            }
            yield from _functions(path.parent / properties["Location"], name, passed)


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms."""


def _intrinsic(loader: yaml.SafeLoader, tag: str, node: yaml.Node) -> dict[str, Any]:
    key = tag if tag in {"Ref", "Condition"} else f"Fn::{tag}"
    match node:
        case yaml.ScalarNode():
            value: Any = loader.construct_scalar(node)
            if tag == "GetAtt":
                value = value.split(".", 1)
        case yaml.SequenceNode():
            value = loader.construct_sequence(node, deep=True)
        case yaml.MappingNode():
            value = loader.construct_mapping(node, deep=True)
        case _:
            raise TypeError(f"unexpected node {node}")
    return {key: value}


_Loader.add_multi_constructor("!", _intrinsic)
