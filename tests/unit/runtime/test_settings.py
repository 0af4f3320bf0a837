"""What a function is told by its environment."""

import pytest

from tenantry.bootstrap import CONFIG, SINGLE_ATTEMPT
from tenantry.runtime.identifiers import derived_id, new_id
from tenantry.runtime.settings import Settings


def test_a_missing_setting_is_named() -> None:
    for values in ({}, {"EVENT_BUS": ""}):
        with pytest.raises(LookupError, match="EVENT_BUS"):
            Settings(values).required("EVENT_BUS")
    assert Settings({"EVENT_BUS": "bus"}).required("EVENT_BUS") == "bus"


def test_settings_have_defaults_flags_and_lists() -> None:
    settings = Settings({"ON": "True", "OFF": "yes", "LIST": " A.org, b.org ,,"})
    assert [settings.flag(name) for name in ("ON", "OFF", "MISSING")] == [True, False, False]
    assert settings.names("LIST") == {"a.org", "b.org"}
    assert settings.names("MISSING") == frozenset()
    assert settings.text("MISSING", "default") == "default"


def test_settings_do_not_change_with_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAGE", "one")
    settings = Settings.from_env()
    monkeypatch.setenv("STAGE", "two")
    assert settings.text("STAGE") == "one"


def test_ids_are_ordered_and_derived_ones_are_the_same_each_time() -> None:
    ids = [new_id() for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert ids[0][:13] <= ids[-1][:13]
    assert derived_id("a", "b") == derived_id("a", "b")
    assert len({derived_id("a", "b"), derived_id("ab"), derived_id("b", "a")}) == 3


def test_a_single_attempt_keeps_the_other_settings() -> None:
    single, shared = (vars(config) for config in (SINGLE_ATTEMPT, CONFIG))
    assert single["retries"]["total_max_attempts"] == 1 < shared["retries"]["total_max_attempts"]
    assert single["read_timeout"] == shared["read_timeout"]
