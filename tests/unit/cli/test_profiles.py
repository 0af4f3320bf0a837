"""Which deployment a command speaks to, and where its session is kept."""

import json
import stat
from pathlib import Path

import pytest

from tenantry_cli.api import Tokens
from tenantry_cli.errors import NoProfileError, UsageError
from tenantry_cli.profiles import NEEDED, Profiles, checked_outputs

OUTPUTS = {name: f"the {name}" for name in NEEDED}


@pytest.fixture
def profiles(tmp_path: Path) -> Profiles:
    return Profiles(tmp_path / "home", tmp_path / "outputs.json")


def test_the_local_cloud_is_a_profile_once_it_is_up(profiles: Profiles) -> None:
    with pytest.raises(NoProfileError, match="make up"):
        profiles.get("local")
    assert profiles.names() == []
    profiles.local.write_text(json.dumps(OUTPUTS))
    assert profiles.get("local").outputs == OUTPUTS
    assert profiles.names() == ["local"]


def test_a_stack_as_cloudformation_describes_it_becomes_a_profile(profiles: Profiles) -> None:
    described = [{"OutputKey": name, "OutputValue": value} for name, value in OUTPUTS.items()]
    profiles.add("prod", {"Stacks": [{"Outputs": described}]})
    assert profiles.get("prod").outputs == OUTPUTS
    assert profiles.names() == ["prod"]


@pytest.mark.parametrize("outputs", [{}, {"Stacks": []}, [], "x", None, {**OUTPUTS, "RestUrl": ""}])
def test_outputs_that_lack_something_are_refused(outputs: object) -> None:
    with pytest.raises(UsageError):
        checked_outputs(outputs)


@pytest.mark.parametrize("name", ["../x", "", "A", "a/b", "x" * 33, ".", "-a"])
def test_a_profiles_name_never_leads_elsewhere(profiles: Profiles, name: str) -> None:
    for use in (profiles.get, lambda given: profiles.add(given, OUTPUTS)):
        with pytest.raises(UsageError):
            use(name)


def test_the_local_cloud_cannot_be_replaced(profiles: Profiles) -> None:
    with pytest.raises(UsageError):
        profiles.add("local", OUTPUTS)


def test_a_session_is_readable_by_its_owner_alone(profiles: Profiles) -> None:
    profile = profiles.add("prod", OUTPUTS)
    assert profile.tokens() is None

    profile.keep(Tokens("access", "id", "refresh"))

    assert profiles.get("prod").tokens() == Tokens("access", "id", "refresh")
    assert stat.S_IMODE(profile.session.stat().st_mode) == 0o600
    assert stat.S_IMODE(profile.session.parent.stat().st_mode) == 0o700
    profile.forget()
    assert profile.tokens() is None


def test_a_broken_session_is_none(profiles: Profiles) -> None:
    profile = profiles.add("prod", OUTPUTS)
    for text in ("", "[]", "{}", "null"):
        profile.session.parent.mkdir(parents=True, exist_ok=True)
        profile.session.write_text(text)
        assert profile.tokens() is None
