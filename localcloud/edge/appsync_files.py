"""AppSync schemas and resolver code that a template names by their place in S3.

MiniStack reads `Definition` and `Code` only, the texts themselves. On AWS `DefinitionS3Location`
and `CodeS3Location` name a file instead, which `sam package` uploads: see
"AWS::AppSync::GraphQLSchema" and "AWS::AppSync::Resolver" in the CloudFormation template
reference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlparse

from ministack.services import s3
from ministack.services.cloudformation import provisioners

_FILES = {
    "AWS::AppSync::GraphQLSchema": ("DefinitionS3Location", "Definition"),
    "AWS::AppSync::Resolver": ("CodeS3Location", "Code"),
}

type Create = Callable[[str, Mapping[str, Any], str], Any]


def install() -> None:
    """Read the files that the properties name."""
    for resource_type, (location, text) in _FILES.items():
        handlers = provisioners._RESOURCE_HANDLERS[resource_type]
        handlers["create"] = _reading(handlers["create"], location, text)


def _reading(create: Create, location: str, text: str) -> Create:
    def create_with_file(logical_id: str, props: Mapping[str, Any], stack_name: str) -> Any:
        if place := props.get(location):
            props = {**props, text: _file(place)}
        return create(logical_id, props, stack_name)

    return create_with_file


def _file(place: str) -> str:
    """The text at `s3://bucket/key` or an S3 URL with the bucket in its path."""
    url = urlparse(place)
    bucket, key = (
        (url.netloc, url.path.lstrip("/"))
        if url.scheme == "s3"
        else url.path.lstrip("/").split("/", 1)
    )
    content: bytes | None = s3._get_object_data(bucket, key)
    if content is None:
        raise ValueError(f"Unable to get object {place}: it does not exist")
    return content.decode()
