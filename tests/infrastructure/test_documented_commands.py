"""Every command in the documentation exists, and a test runs it.

Commands stand in fenced blocks marked `sh` (each line is one) or `console` (lines that begin with
`$ `), and, when they are of make, in the text as `make target`.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("localcloud/**/*.md")])
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z0-9]+):", MAKEFILE, re.MULTILINE))
VARIABLES = {"ENV", "PORT", "FUNCTION", "CHAPTER", "PYTHON", "UPGRADE", "QUEUE"}

COMMANDS = "tests/e2e/test_commands.py"
# Where each target is run; what is left of a documented command are its variables.
RUN_IN = {
    "": (COMMANDS, 'run("make")'),
    "build": (COMMANDS, 'run("make", "build")'),
    "demo": (COMMANDS, 'run("make", "demo")'),
    "deploy": (COMMANDS, 'run("make", "deploy"'),
    "down": (COMMANDS, 'run("make", "down"'),
    "logs": (COMMANDS, '["make", "logs"'),
    "outputs": (COMMANDS, 'run("make", "outputs"'),
    "redrive": (COMMANDS, 'run("make", "redrive"'),
    "reset": (COMMANDS, 'run("make", "reset"'),
    "up": (COMMANDS, 'run("make", "up"'),
    # `.ci/run` calls `make test`, which makes these or runs what they run.
    "test": (".ci/run", "make test"),
    "check": ("Makefile", "@$(MAKE) check check-security\n"),
    "unit": ("Makefile", "pytest $(parallel) tests/unit tests/contracts"),
    "contracts": ("Makefile", "tests/contracts tests/integration tests/infrastructure"),
    "integration": ("Makefile", "tests/contracts tests/integration tests/infrastructure"),
    "infrastructure": ("Makefile", "tests/contracts tests/integration tests/infrastructure"),
    "e2e": ("Makefile", "@pytest tests/e2e"),
    # What these write is held current by tests, which their --check forms run.
    "docs": ("Makefile", "$$name --check"),
    "lock": ("tests/infrastructure/test_dependencies.py", "test_a_lock_file_holds"),
    # By hand: minutes of measuring, and taking away what the tests stand on.
    "bench": ("Makefile", "python -m bench"),
    "clean": ("Makefile", "rm -rf .aws-sam .venv"),
}

# Commands of other programs, and where they are run.
OTHERS: dict[str, tuple[str, str]] = {
    "pip install -e .": ("tests/e2e/test_cli.py", '"pip", "install", "-e", "."'),
    "tenantry --help": ("tests/e2e/test_cli.py", '"tenantry", "--help"]'),
}


def documented() -> Iterator[tuple[str, str]]:
    """Page and command of everything that the documentation says to run."""
    for page in PAGES:
        name = str(page.relative_to(ROOT))
        text = page.read_text()
        for language, block in re.findall(r"^```(\w+)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            for line in block.splitlines():
                if language == "console" and line.startswith("$ "):
                    yield name, _command(line.removeprefix("$ "))
                elif language in {"sh", "bash", "shell"} and _command(line):
                    yield name, _command(line)
        for command in re.findall(r"`(make(?: [^`\n]*)?)`", text):
            yield name, command


def _command(line: str) -> str:
    return re.sub(r"\s+#.*$|^#.*$", "", line).strip()


DOCUMENTED = sorted(set(documented()))


@pytest.mark.parametrize(("page", "command"), DOCUMENTED)
def test_a_documented_command_is_run_by_a_test(page: str, command: str) -> None:
    if not command.startswith("make"):
        assert command in OTHERS, f"{page}: nothing runs `{command}`"
        file, ran_as = OTHERS[command]
        assert ran_as in (ROOT / file).read_text()
        return
    words = command.split()[1:]
    variables = {word.partition("=")[0] for word in words if "=" in word}
    targets = [word for word in words if "=" not in word] or [""]
    assert variables <= VARIABLES
    assert set(targets) <= set(RUN_IN)


@pytest.mark.parametrize("target", sorted(TARGETS - {"help"}))
def test_a_target_is_run_where_the_table_says(target: str) -> None:
    file, words = RUN_IN[target]
    assert words in (ROOT / file).read_text()


def test_the_table_names_no_target_that_is_gone() -> None:
    assert set(RUN_IN) - {""} == TARGETS - {"help"}
