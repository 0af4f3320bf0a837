"""Layers of functions, unpacked once.

"Packaging your layer content", AWS Lambda developer guide: contents appear under /opt, and
`python/` is on the import path:
https://docs.aws.amazon.com/lambda/latest/dg/packaging-layers.html
"""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest

IMPORTING = """
import os, shared_by_layer

def handler(event, context):
    return {"value": shared_by_layer.VALUE, "at": os.path.realpath(shared_by_layer.__file__)}
"""


@pytest.fixture
def layer(client: Any, name: str) -> str:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("python/shared_by_layer.py", f"VALUE = {name!r}")
    published = client("lambda").publish_layer_version(
        LayerName=name, Content={"ZipFile": packed.getvalue()}, CompatibleRuntimes=["python3.13"]
    )
    return str(published["LayerVersionArn"])


def test_functions_with_the_same_layer_read_the_same_files(
    client: Any, functions: Any, layer: str, name: str
) -> None:
    answers = []
    for function in (functions.create(IMPORTING), functions.create(IMPORTING)):
        client("lambda").update_function_configuration(FunctionName=function, Layers=[layer])
        answer = client("lambda").invoke(FunctionName=function)
        answers.append(json.loads(answer["Payload"].read()))

    assert answers[0] == answers[1], answers
    assert "value" in answers[0], answers
