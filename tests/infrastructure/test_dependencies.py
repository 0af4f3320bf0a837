"""What is installed is pinned with hashes, alike everywhere, from no registry in particular."""

import re
from pathlib import Path

import pytest

from tools.dependencies import direct, is_current

ROOT = Path(__file__).parents[2]
LOCKS = sorted([*ROOT.glob("requirements/*.txt"), *ROOT.glob("layers/*/requirements.txt")])
every_lock = pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: str(lock.relative_to(ROOT)))

PIN = re.compile(r"^([a-zA-Z0-9._-]+)==([^ ;\\]+)", re.MULTILINE)


def pins(lock: Path) -> dict[str, str]:
    return dict(PIN.findall(lock.read_text()))


@every_lock
def test_a_lock_file_names_no_registry(lock: Path) -> None:
    assert not re.search(r"https?://|--(extra-)?index|--find-links|--trusted", lock.read_text())


@every_lock
def test_everything_in_a_lock_file_has_a_version_and_hashes(lock: Path) -> None:
    requirements = re.split(r"\n(?=\S)", lock.read_text().strip())
    assert [r for r in requirements if not PIN.match(r) or "--hash=sha256:" not in r] == []


@every_lock
def test_a_lock_file_holds_what_its_source_names(lock: Path) -> None:
    named = {each.name for each in direct() if ROOT / each.source == lock.with_suffix(".in")}
    assert named
    assert named <= set(pins(lock))


def test_functions_run_with_the_versions_that_the_tests_run_with() -> None:
    tested = pins(ROOT / "requirements" / "dev.txt")
    for lock in ROOT.glob("layers/*/requirements.txt"):
        shipped = pins(lock)
        assert shipped == {name: tested[name] for name in shipped}


def test_the_page_of_dependencies_is_current() -> None:
    assert is_current(), "run `make docs`"
