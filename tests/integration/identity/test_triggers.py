"""Cognito's triggers, from sign-up to token."""

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bcrypt
import boto3
import pytest

from functions.identity import pre_sign_up
from tenantry.errors import CorruptDataError
from tenantry.identity.dynamodb import DynamoDBProfileRepository
from tenantry.identity.model import LegacyUser
from tenantry.runtime.cognito import RefusedError, TriggerFailedError
from tenantry.runtime.observability import logger
from tests.integration.identity.conftest import ADA, EMAIL, FUNCTIONS, People, cognito_event
from tests.support.faults import down, injected, recorded
from tests.support.invocations import wire

REFUSALS = (RefusedError, TriggerFailedError)


@pytest.fixture
def legacy(legacy_table: str) -> None:
    """Grace, a person of the older system."""
    hashed = bcrypt.hashpw(b"old secret", bcrypt.gensalt(4)).decode()
    item = {"email": "grace@legacy.example", "name": "Grace", "password_hash": hashed}
    boto3.client("dynamodb").put_item(
        TableName=legacy_table, Item={name: {"S": value} for name, value in item.items()}
    )


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_trigger_takes_its_event_and_gives_it_back_whole(people: People, name: str) -> None:
    event = cognito_event(name)
    event["request"]["somethingNew"] = {"deep": [1]}
    event["somethingNew"] = "ignored"

    answer = FUNCTIONS[name].handler(event, None or _context())

    assert {k: v for k, v in answer.items() if k != "response"} == {
        k: v for k, v in event.items() if k != "response"
    }
    json.dumps(answer)


def _context() -> Any:
    from tests.support.lambda_context import lambda_context

    return lambda_context()


def test_a_person_signs_up_with_a_company_and_signs_in(people: People) -> None:
    flags = people.fire("pre_sign_up", clientMetadata={"organization_name": "Ada Ltd"})
    assert not any(flags.values())
    people.fire("post_confirmation")
    people.fire("pre_authentication")
    people.fire("post_authentication")

    claims = people.claims()

    assert claims == {"org_id": claims["org_id"], "role": "OWNER", "plan": "FREE"}
    [organization] = people.of_type("Organization")
    assert (organization["entity_id"], organization["name"]) == (claims["org_id"], "Ada Ltd")
    [profile] = people.of_type("User")
    assert profile["email"] == EMAIL
    assert profile["last_login_at"]
    assert [event["type"] for event in profile["events"]] == ["UserSignedIn"]
    assert profile["events"][0]["correlation_id"]


def test_a_person_who_never_was_confirmed_gets_a_profile_with_the_first_token(
    people: People,
) -> None:
    people.fire("pre_sign_up_admin", clientMetadata={"organization_name": "Ada Ltd"})

    assert people.claims()["role"] == "OWNER"
    assert len(people.of_type("User")) == 1


def test_a_person_without_an_organisation_gets_no_claims_and_no_groups(people: People) -> None:
    people.register()

    event = cognito_event("pre_token_generation")
    details = people.send("pre_token_generation", event)["claimsAndScopeOverrideDetails"]

    assert details["accessTokenGeneration"]["claimsToAddOrOverride"] == {}
    assert details["groupOverrideDetails"] == {"groupsToOverride": []}


def test_groups_are_computed_and_operators_are_the_pools(people: People) -> None:
    people.register(organization="Ada Ltd")
    pool = {
        "groupsToOverride": ["SuperAdmin", "Viewer"],
        "iamRolesToOverride": ["arn:aws:iam::1:role/x"],
    }

    response = people.fire("pre_token_generation", groupConfiguration=pool)

    details = response["claimsAndScopeOverrideDetails"]["groupOverrideDetails"]
    assert details["groupsToOverride"] == ["OrgAdmin", "SuperAdmin"]
    assert details["iamRolesToOverride"] == ["arn:aws:iam::1:role/x"]
    assert details.keys() == {"groupsToOverride", "iamRolesToOverride"}


@pytest.mark.parametrize(
    ("pool", "said"),
    [
        (None, {}),
        ({"iamRolesToOverride": [], "preferredRole": None}, {}),
        ({"iamRolesToOverride": [], "preferredRole": ""}, {}),
        ({"preferredRole": "arn:x"}, {"preferredRole": "arn:x"}),
    ],
)
def test_roles_that_the_pool_does_not_give_are_not_said(
    people: People, pool: dict[str, Any] | None, said: dict[str, Any]
) -> None:
    """Cognito takes neither an empty role nor, always, an empty list of them."""
    response = people.fire("pre_token_generation", groupConfiguration=pool)

    details = response["claimsAndScopeOverrideDetails"]["groupOverrideDetails"]
    assert details == {"groupsToOverride": []} | said


def test_a_normal_sign_in_reads_the_profile_and_the_standing_and_writes_nothing(
    people: People,
) -> None:
    people.register(organization="Ada Ltd")

    with recorded() as calls:
        people.claims()

    assert calls.operations == ["GetItem", "BatchGetItem"]


def test_a_changed_address_reaches_the_profile_in_the_write_of_the_sign_in(people: People) -> None:
    people.register()

    with recorded() as calls:
        people.fire("post_authentication", email="countess@example.com")

    assert calls.operations == ["GetItem", "UpdateItem"]
    [profile] = people.of_type("User")
    assert profile["email"] == "countess@example.com"
    assert [event["type"] for event in profile["events"]] == ["UserSignedIn", "ProfileUpdated"]
    assert "countess" not in json.dumps(profile["events"])
    assert people.data("me")["email"] == "countess@example.com"


def test_a_changed_address_reaches_the_profile_with_a_renewed_token(people: People) -> None:
    people.register()
    event = cognito_event("pre_token_generation", email="countess@example.com")
    event["triggerSource"] = "TokenGeneration_RefreshTokens"

    people.send("pre_token_generation", event)

    assert people.data("me")["email"] == "countess@example.com"


UNNOTED = "a sign-in is not noted"


def test_the_alarm_listens_to_what_is_logged() -> None:
    template = Path(pre_sign_up.__file__).with_name("template.yaml").read_text()

    assert f"""FilterPattern: '"{UNNOTED}"'""" in template


@pytest.mark.parametrize("operation", ["GetItem", "UpdateItem"])
def test_who_has_signed_in_is_let_in_though_it_cannot_be_noted(
    people: People, logged: io.StringIO, operation: str
) -> None:
    people.register()

    with injected(down(operation)):
        answer = people.fire("post_authentication")

    assert answer == cognito_event("post_authentication")["response"]
    assert UNNOTED in logged.getvalue()
    assert people.of_type("User")[0].get("last_login_at") is None


def test_who_was_suspended_while_two_calls_made_the_profile_gets_no_token(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second call has found no profile, and its write meets the one that stands there now."""
    people.register()
    [profile] = people.of_type("User")
    people.table.put({**profile, "status": "SUSPENDED"})
    monkeypatch.setattr(DynamoDBProfileRepository, "get", lambda _self, _user: None)

    with pytest.raises(RefusedError, match="Incorrect username or password"):
        people.fire("pre_token_generation")


def test_confirming_twice_reads_once_more(people: People) -> None:
    people.register(organization="Ada Ltd")

    with recorded() as calls:
        people.fire("post_confirmation")

    assert calls.operations == ["GetItem"]


# self-promotion (row 4)

SPELLINGS = [
    "role", "Role", "ROLE", "roles", "custom:role", "custom:Role", "dev:custom:role",
    "org_id", "orgId", "org-id", "ORG_ID", "custom:org_id", "organization", "organizationId",
    "organization_id", "custom:organization_id", "tenant_id", "tenantId", "custom:tenant_id",
    "plan", "custom:plan", "groups", "cognito:groups", "custom:groups", "scope", "permissions",
    "extra_permissions", "is_admin", "superadmin", "custom:superadmin", "entity_version", "status",
]  # fmt: skip
EVIL = "EVIL-OWNER"


def test_there_are_thirty_spellings() -> None:
    assert len(set(SPELLINGS)) >= 30


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_no_attribute_and_no_metadata_reaches_a_token(people: People, spelling: str) -> None:
    """Through SignUp, UpdateUserAttributes, ClientMetadata of each step, and the token's own."""
    own = {"organization_name": "Ada Ltd"}
    given = {"attributes": {spelling: EVIL}, "clientMetadata": {spelling: EVIL}}
    sign_up = cognito_event("pre_sign_up", attributes={spelling: EVIL})
    wished = {spelling: EVIL} if spelling != "organization_id" else {}
    sign_up["request"]["clientMetadata"] = {**wished, **own}
    people.send("pre_sign_up", sign_up)
    people.fire("post_confirmation", **given)
    people.fire("post_authentication", **given)

    response = people.fire("pre_token_generation", **given)

    assert EVIL not in json.dumps(response)
    assert EVIL not in json.dumps(people.of_type("User"), default=str)
    assert people.claims()["role"] == "OWNER"


def test_the_spellings_would_show_in_a_token_that_is_made_of_attributes(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mutation twin: a grant that believes what a person wrote."""
    from tenantry.identity.model import Grant
    from tenantry.identity.service import ArrivalService
    from tenantry.tenancy.roles import Role

    def believing(_self: Any, arrival: Any, _cause: Any) -> Grant:
        return Grant(arrival.name or "", Role.OWNER, "FREE")

    monkeypatch.setattr(ArrivalService, "grant", believing)

    response = people.fire("pre_token_generation", attributes={"name": EVIL})

    assert EVIL in json.dumps(response)


def test_an_organisation_of_others_cannot_be_wished_into_a_token(people: People) -> None:
    people.register(user="eve", email="eve@example.com", organization="Eve Ltd")
    theirs = people.claims(user="eve")["org_id"]
    people.fire("pre_sign_up", clientMetadata={"organization_id": theirs})
    people.fire("post_confirmation")

    assert people.claims() == {}


@pytest.mark.parametrize("sub", ["", "a#b", "USER#eve", "../eve", "x" * 300])
def test_a_sub_that_is_none_addresses_nobody(people: People, sub: str) -> None:
    people.register(user="eve", email="eve@example.com", organization="Eve Ltd")
    event = cognito_event("pre_token_generation", user="eve")
    event["userName"] = event["request"]["userAttributes"]["sub"] = sub

    with pytest.raises(REFUSALS):
        people.send("pre_token_generation", event)


# refusals


def test_a_disposable_address_is_refused_in_words_for_people(people: People) -> None:
    with pytest.raises(RefusedError, match="disposable addresses are not accepted"):
        people.fire("pre_sign_up", email="x@mailinator.com")

    assert people.stored() == []


def test_the_switch_and_the_lists_come_from_the_environment(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire(monkeypatch, **people.environment, SIGN_UP_DENIED_DOMAINS="Example.com, other.com")
    with pytest.raises(RefusedError, match="not accepted"):
        people.fire("pre_sign_up")
    wire(monkeypatch, **{**people.environment, "SELF_SIGN_UP": "false"}, SIGN_UP_DENIED_DOMAINS="")
    with pytest.raises(RefusedError, match="invitation"):
        people.fire("pre_sign_up")
    people.fire("pre_sign_up_admin")


def test_a_suspended_person_is_refused_as_for_a_wrong_password(people: People) -> None:
    people.register()
    [profile] = people.of_type("User")
    people.table.put({**profile, "status": "SUSPENDED"})

    for name in ("pre_authentication", "pre_token_generation"):
        with pytest.raises(RefusedError) as refused:
            people.fire(name)
        assert str(refused.value) == "Incorrect username or password"


def test_a_stranger_whose_name_nobody_has_is_let_on_to_cognitos_own_answer(people: People) -> None:
    with recorded() as calls:
        people.fire("pre_authentication_unknown")

    assert calls.operations == []


def test_what_is_not_expected_says_nothing_of_its_cause(people: People) -> None:
    with injected(down("GetItem")), pytest.raises(REFUSALS) as failed:
        people.fire("pre_authentication")

    assert "GetItem" not in str(failed.value)
    assert "dynamodb" not in str(failed.value)


def external(verified: str) -> dict[str, Any]:
    """https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-sign-up.html"""
    event = cognito_event(
        "pre_sign_up", user="google_4711", attributes={"email_verified": verified}
    )
    event["triggerSource"] = "PreSignUp_ExternalProvider"
    return event


def test_a_new_person_of_a_trusted_provider_comes_in(people: People) -> None:
    pool = boto3.client("cognito-idp").create_user_pool(PoolName="people")["UserPool"]["Id"]
    event = external("true") | {"userPoolId": pool}

    people.send("pre_sign_up", event)
    with pytest.raises(RefusedError, match="vouch"):
        people.send("pre_sign_up", external("false") | {"userPoolId": pool})


# migration


@pytest.mark.usefixtures("legacy")
def test_the_old_password_makes_a_confirmed_user_without_a_mail(people: People) -> None:
    response = people.fire("user_migration", email="Grace@legacy.example")

    assert response["userAttributes"] == {
        "email": "grace@legacy.example",
        "email_verified": "true",
        "name": "Grace",
    }
    assert (response["finalUserStatus"], response["messageAction"]) == ("CONFIRMED", "SUPPRESS")


@pytest.mark.usefixtures("legacy")
def test_who_comes_over_is_told_as_migrated(people: People) -> None:
    people.fire("user_migration", email="grace@legacy.example")

    people.fire("pre_token_generation", user="grace", email="grace@legacy.example")

    [profile] = people.of_type("User")
    assert [event["type"] for event in profile["events"]] == ["UserRegistered", "UserMigrated"]


@pytest.mark.usefixtures("legacy")
def test_a_forgotten_password_brings_the_person_over_without_one(people: People) -> None:
    response = people.fire("user_migration_forgot_password", email="grace@legacy.example")

    assert response["userAttributes"]["email_verified"] == "true"
    assert response["messageAction"] == "SUPPRESS"
    assert response["finalUserStatus"] is None


@pytest.mark.usefixtures("legacy")
def test_wrong_unknown_and_down_look_the_same_and_only_down_is_measured(
    people: People, capsys: pytest.CaptureFixture[str]
) -> None:
    untouched = cognito_event("user_migration")["response"]
    wrong = people.fire("user_migration", email="grace@legacy.example", password="wrong")
    unknown = people.fire("user_migration", email="nobody@legacy.example")
    assert "LegacyDirectoryUnavailable" not in capsys.readouterr().out
    with injected(down("GetItem")):
        unavailable = people.fire("user_migration", email="grace@legacy.example")

    assert wrong == unknown == unavailable == untouched
    measured = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    assert [each["LegacyDirectoryUnavailable"] for each in measured] == [[1.0]]


ODD = [
    {"name": "Grace\tHopper", "locale": "de_DE.UTF-8"},
    {"name": "", "locale": ""},
    {"name": "x" * 121, "locale": "C"},
]


@pytest.mark.parametrize("odd", ODD, ids=["tab", "empty", "long"])
def test_an_odd_row_of_the_older_system_lets_its_person_in_and_tells_nothing(
    people: People, legacy_table: str, odd: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    hashed = bcrypt.hashpw(b"old secret", bcrypt.gensalt(4)).decode()
    item = {"email": "grace@legacy.example", "password_hash": hashed, **odd}
    boto3.client("dynamodb").put_item(
        TableName=legacy_table, Item={name: {"S": value} for name, value in item.items()}
    )

    wrong = people.fire("user_migration", email="grace@legacy.example", password="wrong")
    right = people.fire("user_migration", email="grace@legacy.example")
    recovered = people.fire("user_migration_forgot_password", email="grace@legacy.example")

    assert wrong == cognito_event("user_migration")["response"]
    assert right["finalUserStatus"] == "CONFIRMED"
    assert right["userAttributes"].get("name") is None
    assert recovered["userAttributes"] == right["userAttributes"]
    assert "LegacyDirectoryUnavailable" not in capsys.readouterr().out
    more = {"email": "grace@legacy.example", "attributes": right["userAttributes"]}
    people.fire("pre_sign_up_admin", **more)
    assert people.claims(user="grace", **more) == {}


def corrupt(_item: Any) -> LegacyUser:
    raise CorruptDataError("a row that nothing can be made of")


@pytest.mark.parametrize("name", ["user_migration", "user_migration_forgot_password"])
@pytest.mark.parametrize("broken", ["row", "directory", "mark"])
@pytest.mark.usefixtures("legacy")
def test_what_breaks_on_the_way_over_looks_like_a_stranger_and_is_measured(
    people: People,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    broken: str,
) -> None:
    if broken == "row":
        monkeypatch.setattr(LegacyUser, "model_validate", corrupt)
    if broken == "directory":
        wire(monkeypatch, **{**people.environment, "LEGACY_DIRECTORY": "nonsense"})
    faults = [down("PutItem")] if broken == "mark" else []

    with injected(*faults):
        answer = people.fire(name, email="grace@legacy.example")

    assert answer == cognito_event(name)["response"]
    measured = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    assert [each["LegacyDirectoryUnavailable"] for each in measured] == [[1.0]]


@pytest.mark.usefixtures("legacy")
def test_no_rule_of_the_door_and_no_metadata_of_strangers_stops_who_comes_over(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cognito gives the metadata of ForgotPassword, which anybody calls, to PreSignUp."""
    wire(monkeypatch, **people.environment, SIGN_UP_DENIED_DOMAINS="legacy.example")
    grace: dict[str, Any] = {"user": "grace", "email": "grace@legacy.example"}
    with pytest.raises(RefusedError, match="not accepted"):
        people.fire("pre_sign_up_admin", **grace)
    people.fire("user_migration_forgot_password", email="grace@legacy.example")

    with recorded() as calls:
        people.fire("pre_sign_up_admin", clientMetadata={"organization_name": "\t"}, **grace)
        people.fire("pre_sign_up_admin", clientMetadata={"organization_name": "Evil"}, **grace)

    assert calls.operations == ["GetItem", "GetItem"]
    assert people.claims(**grace) == {}
    with pytest.raises(RefusedError, match="not accepted"):
        people.fire("pre_sign_up", **grace)


def test_a_user_without_an_address_is_told_so_and_no_profile_is_made(people: People) -> None:
    event = cognito_event("pre_token_generation")
    del event["request"]["userAttributes"]["email"]

    with pytest.raises(RefusedError, match="no e-mail address"):
        people.send("pre_token_generation", event)

    assert people.stored() == []


# mails


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name.startswith("custom_message")])
def test_mails_are_ours_where_a_sender_of_ours_sends_them(
    people: People, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    made = people.fire(name, attributes={"locale": "de", "name": "<b>Ada"})
    assert "Engines" in made["emailSubject"]
    assert "{####}" in made["emailMessage"]
    assert "Hallo &lt;b&gt;Ada" in made["emailMessage"]
    if name.endswith("admin_create_user"):
        assert "{username}" in made["emailMessage"]

    wire(monkeypatch, **{**people.environment, "EMAIL_SENDING": "false"})
    event = cognito_event(name)
    assert people.send(name, event) == cognito_event(name)["response"]


# logs (row 26)


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logger.registered_formatter)
    logger.addHandler(handler)
    yield stream
    logger._logger.removeHandler(handler)


@pytest.mark.usefixtures("legacy")
def test_no_secret_and_nothing_personal_is_logged(people: People, logged: io.StringIO) -> None:
    canaries = ["canary-name", "canary-password", "canary-org", "canary@example.com"]
    name, password, organization, email = canaries
    more: dict[str, Any] = {"email": email, "attributes": {"name": name}}
    people.fire("pre_sign_up", clientMetadata={"organization_name": organization}, **more)
    people.fire("post_confirmation", **more)
    people.fire("post_authentication", **more)
    people.fire("pre_token_generation", **more)
    people.fire("custom_message_sign_up", **more)
    people.data("updateProfile", {"input": {"name": name}})
    people.code("updateProfile", {"input": {"name": name + "\n", "locale": email}})
    for down_too in (False, True):
        with injected(*([down("GetItem")] if down_too else [])):
            with_password = cognito_event("user_migration", email=email, password=password)
            people.send("user_migration", with_password)
    with pytest.raises(RefusedError):
        people.fire("pre_sign_up", email="canary@mailinator.com")
    with injected(down("GetItem")), pytest.raises(REFUSALS):
        people.fire("post_confirmation", **more)

    text = logged.getvalue()

    assert "done" in text
    assert ADA in text
    assert [canary for canary in [*canaries, "canary@mailinator"] if canary in text] == []
