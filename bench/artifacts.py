"""What is started: the built functions and the usual stack's, as read-only folders of their own."""

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.cases import Case
from bench.events import ENVIRONMENT
from localcloud.deployment import sam_command
from localcloud.place import REGION
from tools.templates import functions

ROOT = Path(__file__).parents[1]
WORK = ROOT / ".cache" / "bench"
_PROBE = Path(__file__).parent / "probe.py"
_BASELINE = Path(__file__).parent / "baseline" / "template.yaml"


class BenchError(Exception):
    """What stands in the way of measuring."""


@dataclass(frozen=True)
class Artifact:
    """Folders that a handler is imported from, in that order."""

    path: tuple[Path, ...]
    handler: str

    def start(self, case: Case, endpoint: str, **job: Any) -> dict[str, Any]:
        """Start a process, have it answer `case`, and say what it took; BenchError without answer.

        `first_answer` is in milliseconds from before the process was there.
        """
        asked = {
            "path": [str(folder) for folder in self.path],
            "handler": self.handler,
            "event": case.event,
            "count_compiled": False,
            "warm": 0,
            **job,
        }
        with tempfile.TemporaryDirectory() as folder:
            given, told = Path(folder) / "job.json", Path(folder) / "result.json"
            given.write_text(json.dumps(asked))
            command = [_interpreter(), "-I", "-S", "-B", str(_PROBE), str(given), str(told)]
            started = time.monotonic_ns()
            done = subprocess.run(
                command,
                env=_environment(endpoint),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                check=False,
            )
            if done.returncode:
                last = done.stderr.decode(errors="replace").strip().splitlines()[-3:]
                raise BenchError(f"{case.name} by {self.handler} failed: {' '.join(last)}")
            result: dict[str, Any] = json.loads(told.read_text())
        if not case.answered(result["answer"]):
            raise BenchError(f"{case.name} by {self.handler} answered {result['answer']}")
        return {**result, "first_answer": (result["answered"] - started) / 1e6}


class Ours:
    """The functions of a build, as it ships them and without their bytecode."""

    def __init__(self, build: Path) -> None:
        template = build / "template.yaml"
        if not template.exists():
            raise BenchError(f"{template} does not exist. Run: make build")
        self._functions = {function.name: function for function in functions(template)}

    def has(self, case: Case) -> bool:
        """Whether the function is built: its module may not be written yet."""
        function = self._functions.get(case.function)
        if function is None:
            return False
        module = Path(*function.handler.split(".")[:-1]).with_suffix(".py")
        return (function.code / module).is_file()

    def artifact(self, case: Case, *, bytecode: bool = True) -> Artifact:
        function = self._functions[case.function]
        variant = "as-built" if bytecode else "no-bytecode"
        task = _copied(function.code, Path(variant) / "task" / case.function, bytecode=bytecode)
        layers = [
            _copied(layer / "python", Path(variant) / "opt" / layer.name, bytecode=bytecode)
            for layer in function.layers
        ]
        return Artifact((task, *layers), function.handler)


class Baseline:
    """The usual stack, built by a plain `sam build`; `compiled` adds the bytecode it lacks."""

    def __init__(self, tick: Callable[[str], None]) -> None:
        tick("building the usual stack with sam build")
        build = WORK / "baseline-build"
        run_sam(
            "build",
            "--cached",
            "--template",
            str(_BASELINE),
            "--build-dir",
            str(build),
            "--cache-dir",
            str(WORK / "baseline-cache"),
            "--parameter-overrides",
            f"Architecture={ARCHITECTURE}",
        )
        code = build / "BaselineFunction"
        self._plain = _copied(code, Path("baseline-plain"), bytecode=False)
        self._compiled = _copied(code, Path("baseline-compiled"), bytecode=False, seal=False)
        compile_all = [_interpreter(), "-m", "compileall", "-qq", "--invalidation-mode"]
        # Vendored files for other Pythons do not compile, and are never imported.
        subprocess.run([*compile_all, "unchecked-hash", str(self._compiled)], check=False)
        _seal(self._compiled)

    def artifact(self, case: Case, *, bytecode: bool) -> Artifact:
        return Artifact((self._compiled if bytecode else self._plain,), case.baseline)


ARCHITECTURE = "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"


def run_sam(*arguments: str) -> None:
    """Run the SAM CLI in the project's folder; BenchError with its last words when it fails."""
    sam = sam_command()
    folders = [str(Path(sys.executable).parent), str(Path(sam).parent), os.environ["PATH"]]
    environment = {
        **os.environ,
        "PATH": os.pathsep.join(folders),
        "SAM_CLI_TELEMETRY": "0",
        "UV_SYSTEM_CERTS": "1",
        "ARCHITECTURE": ARCHITECTURE,
    }
    done = subprocess.run(
        [sam, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BenchError(f"sam {arguments[0]} failed:\n{done.stderr[-2000:]}")


def unpacked_size(artifact: Artifact) -> int:
    """Bytes of all its folders."""
    return sum(file.stat().st_size for folder in artifact.path for file in folder.rglob("*"))


def _copied(source: Path, name: Path, *, bytecode: bool, seal: bool = True) -> Path:
    """A fresh copy of `source`, with or without its bytecode, that nobody may write to."""
    target = WORK / name
    if target in _made:
        return target
    if target.exists():
        _unseal(target)
        shutil.rmtree(target)
    ignored = None if bytecode else shutil.ignore_patterns("__pycache__")
    shutil.copytree(source, target, ignore=ignored)
    if seal:
        _seal(target)
    _made.add(target)
    return target


_made: set[Path] = set()


def _seal(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)


def _unseal(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        if path.is_dir():
            path.chmod(0o755)


def _interpreter() -> str:
    """Python without the packages of a virtual environment."""
    return str(getattr(sys, "_base_executable", sys.executable))


def _environment(endpoint: str) -> dict[str, str]:
    """A function's own, as Lambda would set it, with every AWS call led to `endpoint`."""
    return {
        **ENVIRONMENT,
        "PATH": "/usr/bin:/bin",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "ASIABENCH",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "token",
        "AWS_LAMBDA_FUNCTION_NAME": "bench",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        # With these Powertools' Tracer takes itself to be in Lambda, where it traces.
        "LAMBDA_TASK_ROOT": "/var/task",
        "_X_AMZN_TRACE_ID": (
            "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
        ),
    }
