"""What `make check-security` lets pass has a reason, and stands in one file."""

from collections.abc import Iterator

import pytest
import yaml

from tests.infrastructure.templates import ROOT, templates, walk

EXCEPTIONS = (ROOT / ".checkov.yaml").read_text()


def unexplained(configuration: str) -> Iterator[str]:
    """Exceptions without a comment of their own above them."""
    before = ""
    for line in configuration.splitlines():
        if line.strip().startswith("- ") and not before.strip().startswith("# "):
            yield line
        before = line


def test_every_exception_has_a_reason() -> None:
    assert yaml.safe_load(EXCEPTIONS)["skip-check"]
    assert list(unexplained(EXCEPTIONS)) == []


@pytest.mark.parametrize("bad", ["skip-check:\n  - A", "skip-check:\n  # why\n  - A\n  - B"])
def test_an_exception_without_a_reason_is_noticed(bad: str) -> None:
    assert list(unexplained(bad))


def test_no_template_makes_an_exception_of_its_own() -> None:
    for template in templates():
        told = [each["Metadata"] for _, each in template.resources() if "Metadata" in each]
        names = {name for each in walk(told) if isinstance(each, dict) for name in each}
        assert "checkov" not in names, template.name


def test_it_is_part_of_everything() -> None:
    test = (ROOT / "Makefile").read_text().split("\ntest: ")[1].split("\n\n")[0]
    assert "\t@$(MAKE) check check-security\n" in test
