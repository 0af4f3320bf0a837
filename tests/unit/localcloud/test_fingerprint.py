"""A deployment is made again when anything that it depends on has changed."""

import os
from pathlib import Path

import pytest

from localcloud.deployment import fingerprint

PARAMETERS = {"Stage": "local"}


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A built template with a function, a nested application, and a file of the project."""
    (tmp_path / "schema.graphql").write_text("type Query { me: ID }")
    built = tmp_path / "build"
    (built / "Nested" / "Function").mkdir(parents=True)
    (built / "Nested" / "Function" / "api.py").write_text("answer = 1")
    (built / "Nested" / "template.yaml").write_text("    CodeS3Location: ../../resolver.js\n")
    (tmp_path / "resolver.js").write_text("export function request() {}")
    root = built / "template.yaml"
    root.write_text("    Location: Nested/template.yaml\n    Schema: ../schema.graphql\n")
    return root


@pytest.mark.parametrize(
    "name", ["schema.graphql", "resolver.js", "build/template.yaml", "build/Nested/Function/api.py"]
)
def test_a_file_that_changes_changes_it(template: Path, tmp_path: Path, name: str) -> None:
    before = fingerprint(template, PARAMETERS)

    (tmp_path / name).write_text((tmp_path / name).read_text() + "# changed\n")

    assert fingerprint(template, PARAMETERS) != before


def test_a_parameter_that_changes_changes_it(template: Path) -> None:
    assert fingerprint(template, {"Stage": "dev"}) != fingerprint(template, PARAMETERS)


def test_the_same_built_again_does_not(template: Path) -> None:
    before = fingerprint(template, PARAMETERS)

    os.utime(template, (1, 1))

    assert fingerprint(template, PARAMETERS) == before
