"""Cognito calls a trigger up to three times, and at once (row 18); processes stop anywhere (12).

What happens at once is shown on the local cloud.
"""

from datetime import timedelta
from typing import Any

import pytest

from tenantry.runtime.identifiers import new_id
from tests.integration.identity.conftest import ADA, EMAIL, FUNCTIONS, People, cognito_event
from tests.support.faults import (
    WRITES,
    Stopped,
    injected,
    lose_answer,
    recorded,
    stop_after,
    stop_before,
)
from tests.support.invocations import forget
from tests.support.triggers import Outcome, fire_thrice

WISH = {"organization_name": "Ada Ltd"}
TRIGGERS = ["pre_sign_up", "post_confirmation", "post_authentication", "pre_token_generation"]


def event_of(name: str) -> dict[str, Any]:
    if name == "pre_sign_up":
        return cognito_event(name, clientMetadata=WISH)
    return cognito_event(name)


def assert_one_of_everything(people: People) -> None:
    """One profile, one organisation with one owner, one seat taken, and each told once."""
    [profile] = people.of_type("User")
    [organization] = people.of_type("Organization")
    [member] = people.of_type("Member")
    assert profile["active_organization_id"] == organization["entity_id"]
    assert (member["entity_id"], member["role"]) == (ADA, "OWNER")
    assert organization["used_users"] == 1
    assert [organization["entity_version"], member["entity_version"]] == [1, 1]


@pytest.mark.parametrize("name", TRIGGERS)
def test_a_trigger_called_thrice_does_its_work_once(people: People, name: str) -> None:
    people.fire("pre_sign_up", clientMetadata=WISH)

    outcomes = fire_thrice(FUNCTIONS[name].handler, event_of(name))

    assert len({str(outcome.response) for outcome in outcomes}) == 1
    people.claims()
    assert_one_of_everything(people)


@pytest.mark.parametrize("attempt", range(4))
@pytest.mark.parametrize("name", TRIGGERS)
def test_a_trigger_called_thrice_at_once_does_its_work_once(
    concurrent_people: People, name: str, attempt: int
) -> None:
    people = concurrent_people
    people.fire("pre_sign_up", clientMetadata=WISH)

    outcomes = fire_thrice(FUNCTIONS[name].handler, event_of(name), at_once=True)

    assert len({str(outcome.response) for outcome in outcomes}) == 1
    people.claims()
    assert_one_of_everything(people)
    if name == "post_authentication":
        [profile] = people.of_type("User")
        assert profile["entity_version"] == 2


def test_different_triggers_at_once_make_one_of_everything(concurrent_people: People) -> None:
    """Confirmation and the first sign-in race each other."""
    people = concurrent_people
    people.fire("pre_sign_up", clientMetadata=WISH)

    def either(event: dict[str, Any], context: Any) -> Any:
        handler = FUNCTIONS[event["name"]].handler
        return handler(event["event"], context)

    outcomes: list[Outcome] = []
    for name in ("post_confirmation", "pre_token_generation"):
        wrapped = {"triggerSource": name, "name": name, "event": event_of(name)}
        outcomes += fire_thrice(either, wrapped, at_once=True)

    assert [outcome.refusal for outcome in outcomes] == [None] * 6
    assert_one_of_everything(people)


def test_the_test_would_notice_profiles_written_without_their_condition(
    concurrent_people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mutation twin: an unconditional write undoes the sign-in that came between."""
    from tenantry.identity.dynamodb import DynamoDBProfileRepository
    from tenantry.persistence.keys import profile_key

    def careless(self: Any, profile: Any, _events: Any) -> Any:
        values = profile.model_dump(mode="json", exclude={"entity_version"}, exclude_none=True)
        values |= {"entity_type": "User", "entity_id": profile.user_id}
        self._table.put({**values, **profile_key(profile.user_id)})
        return profile

    monkeypatch.setattr(DynamoDBProfileRepository, "get", lambda _self, _user: None)
    people = concurrent_people
    people.fire("pre_sign_up", clientMetadata=WISH)
    people.fire("post_confirmation")
    [before] = people.of_type("User")
    people.fire("post_confirmation")
    [kept] = people.of_type("User")
    monkeypatch.setattr(DynamoDBProfileRepository, "create", careless)

    people.fire("post_confirmation")

    [overwritten] = people.of_type("User")
    assert kept == before
    assert overwritten["created_at"] != before["created_at"]


def test_the_test_would_notice_sign_ins_that_are_not_told_apart_by_time(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mutation twin: without the ten seconds, each of Cognito's calls is a sign-in."""
    people.fire("post_confirmation")
    monkeypatch.setattr("tenantry.identity.model.SAME_SIGN_IN", timedelta(0))

    fire_thrice(FUNCTIONS["post_authentication"].handler, event_of("post_authentication"))

    [profile] = people.of_type("User")
    assert profile["entity_version"] == 1 + 3


# crash anywhere


def settled(people: People) -> list[Any]:
    """The table without what every run makes anew: times and random ids."""
    return [
        {
            name: sorted(event["type"] for event in value) if name == "events" else value
            for name, value in item.items()
            if name not in ("event_ids", "purge_at") and not name.endswith("_at")
        }
        for item in people.stored()
    ]


def prepared(people: People, name: str) -> None:
    """What has happened before the trigger."""
    if name != "pre_sign_up":
        people.fire("pre_sign_up", clientMetadata=WISH)


def calls_of(people: People, name: str) -> int:
    with recorded() as calls:
        people.send(name, event_of(name))
    return len(calls)


def clean(people: People) -> None:
    for item in people.stored():
        key = {"PK": {"S": item["PK"]}, "SK": {"S": item["SK"]}}
        people.table._client.delete_item(TableName=people.table.name, Key=key)
    forget()


@pytest.mark.parametrize("name", TRIGGERS)
def test_a_trigger_that_stops_anywhere_ends_as_if_it_had_not(people: People, name: str) -> None:
    prepared(people, name)
    total = calls_of(people, name)
    expected = settled(people)

    for k in range(1, total + 1):
        for stop in (stop_before, stop_after):
            clean(people)
            prepared(people, name)
            with injected(stop(k)), pytest.raises(Stopped):
                people.send(name, event_of(name))
            forget()
            people.send(name, event_of(name))
            assert settled(people) == expected, f"{stop.__name__} {k} of {total}"


@pytest.mark.parametrize("name", TRIGGERS)
def test_an_answer_lost_anywhere_ends_as_if_it_had_not_been(people: People, name: str) -> None:
    prepared(people, name)
    with recorded() as calls:
        people.send(name, event_of(name))
    writes = len(calls.of(*WRITES))
    expected = settled(people)

    for k in range(1, writes + 1):
        clean(people)
        prepared(people, name)
        with injected(lose_answer(at=k)):
            people.send(name, event_of(name))
        assert settled(people) == expected, f"write {k} of {writes}"


def test_a_write_that_does_not_know_itself_would_be_made_anew(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin of the test above: the sign-in is noted, and then refused as if it were not."""
    people.fire("post_confirmation")
    monkeypatch.setattr("tenantry.persistence.table._is_own", lambda *_: False)
    monkeypatch.setattr("tenantry.identity.model.SAME_SIGN_IN", timedelta(0))

    with injected(lose_answer(at=1)):
        people.fire("post_authentication")

    [profile] = people.of_type("User")
    assert profile["entity_version"] == 1 + 2


def test_an_organisation_that_does_not_know_itself_would_be_founded_anew(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin for what a sign-up founds: with an id that is not the user's, there are two."""
    people.fire("pre_sign_up", clientMetadata=WISH)
    monkeypatch.setattr("tenantry.organizations.service.derived_id", lambda *_: new_id())

    with injected(stop_after(1, {"TransactWriteItems"})), pytest.raises(Stopped):
        people.fire("post_confirmation")
    people.fire("post_confirmation")

    assert len(people.of_type("Organization")) == 2


def test_the_crash_test_would_notice_a_profile_made_before_its_organisation(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mutation twin: what is done says so before it is."""
    from tenantry.identity.service import ArrivalService

    original = ArrivalService._registered

    def profile_first(self: Any, arrival: Any, cause: Any) -> Any:
        from tenantry.identity.model import Profile

        now = self.stamp.now()
        early = Profile(
            user_id=arrival.user_id,
            user_name=arrival.user_name,
            email=EMAIL,
            created_at=now,
            updated_at=now,
        )
        self.profiles.create(early, ())
        return original(self, arrival, cause)

    monkeypatch.setattr(ArrivalService, "_registered", profile_first)
    people.fire("pre_sign_up", clientMetadata=WISH)

    with injected(stop_after(2)), pytest.raises(Stopped):
        people.fire("post_confirmation")
    people.fire("post_confirmation")

    assert people.of_type("Organization") == []
