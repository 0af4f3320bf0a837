"""`make deploy ENV=...` deploys an artifact only as Lambda needs it."""

import compileall
import py_compile
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tools.release import release, version

SAMCONFIG = """
[dev.build.parameters]
build_dir = "build"

[dev.deploy.parameters]
parameter_overrides = ["Stage=dev", "Architecture=arm64"]
"""

TEMPLATE = """
Resources:
  Layer:
    Type: AWS::Serverless::LayerVersion
    Properties: {ContentUri: Layer}
  ApiFunction:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: ApiFunction, Handler: functions.health.api.handler, Layers: [!Ref Layer]}
"""

ARM64_ELF = bytes(18) + (0xB7).to_bytes(2, "little")
X86_64_ELF = bytes(18) + (0x3E).to_bytes(2, "little")


class Sam:
    """Stands for the SAM CLI: keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Sequence[str]] = []

    def __call__(self, command: Sequence[str]) -> int:
        self.asked.append(command)
        return 0


@pytest.fixture
def sam() -> Sam:
    return Sam()


@pytest.fixture
def samconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An artifact in order: one function, one layer with a compiled library."""
    monkeypatch.setattr("sys.pycache_prefix", None)
    build = tmp_path / "build"
    module = build / "ApiFunction" / "functions" / "health" / "api.py"
    module.parent.mkdir(parents=True)
    module.write_text("def handler(event, context):\n    return {}\n")
    library = build / "Layer" / "python" / "fast.abi3.so"
    library.parent.mkdir(parents=True)
    library.write_bytes(ARM64_ELF)
    (build / "template.yaml").write_text(TEMPLATE)
    unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
    assert compileall.compile_dir(build, quiet=1, invalidation_mode=unchecked)
    samconfig = tmp_path / "samconfig.toml"
    samconfig.write_text(SAMCONFIG)
    return samconfig


def test_an_artifact_in_order_is_deployed_with_its_version(samconfig: Path, sam: Sam) -> None:
    assert release("dev", samconfig, "v1.2.3", sam) == 0
    (command,) = sam.asked
    assert list(command[:4]) == ["sam", "deploy", "--config-env", "dev"]
    assert {"Stage=dev", "Architecture=arm64", "AppVersion=v1.2.3"} < set(command)


def test_parameters_that_have_to_be_filled_in_are_named_before_anything_is_sent(
    samconfig: Path, sam: Sam, capsys: pytest.CaptureFixture[str]
) -> None:
    left = '"Architecture=arm64", "FrontendUrl=https://FILL-IN", "AlarmEmail=FILL-IN"'
    samconfig.write_text(SAMCONFIG.replace('"Architecture=arm64"', left))
    said = refused(samconfig, sam, capsys)
    assert said == "samconfig.toml: dev needs FrontendUrl, AlarmEmail\n"


def test_the_version_is_the_commits_and_without_one_the_projects(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.2.3"\n')
    assert version(tmp_path) == "1.2.3"

    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    somebody = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    made = ["git", "-C", str(tmp_path), *somebody, "commit", "-q", "--allow-empty", "-m", "x"]
    subprocess.run(made, check=True)
    assert re.fullmatch(r"[0-9a-f]{7,}", version(tmp_path))


def refused(samconfig: Path, sam: Sam, capsys: pytest.CaptureFixture[str]) -> str:
    """What is said of an artifact that is refused, nothing having been deployed."""
    assert release("dev", samconfig, "v1.2.3", sam) == 1
    assert sam.asked == []
    return capsys.readouterr().err


def test_missing_bytecode_is_refused(
    samconfig: Path, sam: Sam, capsys: pytest.CaptureFixture[str]
) -> None:
    (compiled,) = samconfig.parent.rglob("*.pyc")
    compiled.unlink()
    assert "api.py: no bytecode" in refused(samconfig, sam, capsys)


def test_bytecode_that_depends_on_dates_is_refused(
    samconfig: Path, sam: Sam, capsys: pytest.CaptureFixture[str]
) -> None:
    dated = py_compile.PycInvalidationMode.TIMESTAMP
    compileall.compile_dir(samconfig.parent, quiet=1, force=True, invalidation_mode=dated)
    assert "api.py: bytecode that Lambda would hold for stale" in refused(samconfig, sam, capsys)


def test_bytecode_of_another_source_is_refused(
    samconfig: Path, sam: Sam, capsys: pytest.CaptureFixture[str]
) -> None:
    (module,) = samconfig.parent.rglob("api.py")
    module.write_text("def handler(event, context):\n    return {'changed': True}\n")
    assert "api.py: bytecode of another source" in refused(samconfig, sam, capsys)


def test_a_library_of_another_architecture_is_refused(
    samconfig: Path, sam: Sam, capsys: pytest.CaptureFixture[str]
) -> None:
    (library,) = samconfig.parent.rglob("*.so")
    library.write_bytes(X86_64_ELF)
    assert "fast.abi3.so: not built for arm64" in refused(samconfig, sam, capsys)


def test_raw_source_is_refused(
    samconfig: Path, sam: Sam, capsys: pytest.CaptureFixture[str]
) -> None:
    """`sam build OneFunction` leaves the others pointing at their sources."""
    template = samconfig.parent / "build" / "template.yaml"
    source = samconfig.parent / "source"
    source.mkdir()
    template.write_text(TEMPLATE.replace("CodeUri: ApiFunction", "CodeUri: ../source"))
    assert "source was not built" in refused(samconfig, sam, capsys)


def test_a_function_without_its_handler_is_refused(
    samconfig: Path, sam: Sam, capsys: pytest.CaptureFixture[str]
) -> None:
    template = samconfig.parent / "build" / "template.yaml"
    template.write_text(TEMPLATE.replace("functions.health.api", "functions.health.gone"))
    assert "no module for its handler" in refused(samconfig, sam, capsys)


def test_nothing_built_is_refused(
    samconfig: Path, sam: Sam, capsys: pytest.CaptureFixture[str]
) -> None:
    (samconfig.parent / "build" / "template.yaml").unlink()
    assert "nothing was built" in refused(samconfig, sam, capsys)
