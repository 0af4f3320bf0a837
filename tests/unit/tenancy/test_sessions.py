"""Tenants' clients: made once, renewed before they expire, bounded, the same from any thread."""

import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tenantry.errors import InvalidInputError, UnknownRouteError
from tenantry.tenancy import sessions as sessions_module
from tenantry.tenancy.sessions import (
    BOUND,
    LIFETIME,
    MARGIN,
    Abroad,
    DataScope,
    Doorway,
    TenantSessions,
)
from tests.support.clock import FakeClock

ROLE = "arn:aws:iam::000000000000:role/TenantData"
TABLE = "arn:aws:dynamodb:eu-central-1:000000000000:table/tenant"


class FakeSts:
    """Gives credentials whose token names the session they are of, for as long as asked."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self.requests: list[dict[str, Any]] = []

    def assume_role(self, **request: Any) -> dict[str, Any]:
        with self._lock:
            self.requests.append(request)
        return {
            "Credentials": {
                "AccessKeyId": "key",
                "SecretAccessKey": "secret",
                "SessionToken": request["RoleSessionName"],
                "Expiration": self._clock() + timedelta(seconds=request["DurationSeconds"]),
            }
        }


@pytest.fixture
def sts(clock: FakeClock) -> FakeSts:
    return FakeSts(clock)


@pytest.fixture
def sessions(sts: FakeSts, clock: FakeClock) -> TenantSessions:
    """Its clients are the tokens they would be made with."""
    return TenantSessions(
        sts=sts,  # type: ignore[arg-type]  # the one method that is called
        role_arn=ROLE,
        scope=DataScope((TABLE,)),
        now=clock,
        connect=lambda credentials: [credentials["aws_session_token"]],
    )


def test_a_client_is_made_with_the_tenants_own_credentials(
    sessions: TenantSessions, sts: FakeSts
) -> None:
    assert sessions.client("acme") == ["tenant-acme"]
    (request,) = sts.requests
    assert (request["RoleArn"], request["DurationSeconds"]) == (ROLE, 3600)
    assert json.loads(request["Policy"]) == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": ["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"],
                "Resource": [TABLE, f"{TABLE}/index/*"],
                "Condition": {
                    "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["ORG#acme", "ORG#acme#*"]},
                    "Null": {"dynamodb:LeadingKeys": "false"},
                },
            },
            {
                "Effect": "Allow",
                "Action": ["kms:Decrypt", "kms:DescribeKey"],
                "Resource": "*",
                "Condition": {"StringLike": {"kms:ViaService": "dynamodb.*.amazonaws.com"}},
            },
        ],
    }


def test_a_second_use_calls_nobody(sessions: TenantSessions, sts: FakeSts) -> None:
    clients = [sessions.client("acme") for _ in range(1000)]
    assert all(client is clients[0] for client in clients)
    assert len(sts.requests) == 1


def test_tenants_never_share_a_client(sessions: TenantSessions) -> None:
    assert sessions.client("acme") == ["tenant-acme"]
    assert sessions.client("umbrella") == ["tenant-umbrella"]
    assert sessions.client("acme") == ["tenant-acme"]


def test_a_client_is_renewed_before_its_credentials_expire(
    sessions: TenantSessions, sts: FakeSts, clock: FakeClock
) -> None:
    first = sessions.client("acme")
    clock.advance(LIFETIME - MARGIN - timedelta(seconds=1))
    assert sessions.client("acme") is first
    clock.advance(timedelta(seconds=1))
    assert sessions.client("acme") is not first
    assert len(sts.requests) == 2


def test_a_link_of_a_quarter_of_an_hour_never_outlives_the_session_it_is_signed_with(
    sessions: TenantSessions, clock: FakeClock
) -> None:
    """S3 refuses it once the credentials have ended, whatever the link itself says."""
    first = sessions.client("acme")
    clock.advance(LIFETIME - timedelta(minutes=15))
    assert sessions.client("acme") is not first


def test_without_the_margin_a_client_would_be_used_to_its_last_second(
    sessions: TenantSessions, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions_module, "MARGIN", timedelta(0))
    first = sessions.client("acme")
    clock.advance(LIFETIME - timedelta(seconds=1))
    assert sessions.client("acme") is first


def test_no_more_than_the_bound_are_kept_and_the_longest_unused_goes_first(
    sessions: TenantSessions, sts: FakeSts
) -> None:
    for n in range(BOUND):
        sessions.client(f"t{n}")
    sessions.client("t0")
    sessions.client("one-more")
    assert len(sessions._clients) == BOUND
    made = len(sts.requests)
    sessions.client("t0")
    assert len(sts.requests) == made
    sessions.client("t1")
    assert len(sts.requests) == made + 1


def test_threads_get_their_own_tenants_client_each_time(
    sessions: TenantSessions, sts: FakeSts, clock: FakeClock
) -> None:
    def use(n: int) -> bool:
        if n % 500 == 0:
            clock.advance(timedelta(minutes=30))
        tenant = f"t{n % 300}"
        return bool(sessions.client(tenant) == [f"tenant-{tenant}"])

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(use, range(4000)))
    assert len(sessions._clients) <= BOUND


@pytest.mark.parametrize("tenant_id", ["*", "a*", "a#b", "", "a?", "${aws:username}", "a\n"])
def test_an_id_that_could_widen_the_policy_is_refused(
    sessions: TenantSessions, sts: FakeSts, tenant_id: str
) -> None:
    with pytest.raises(InvalidInputError):
        sessions.client(tenant_id)
    assert sts.requests == []


@pytest.mark.parametrize("tenant_id", ["x" * 255, "eu-central-1:1", "a=b,c@d+e.f"[:3]])
def test_a_session_has_a_name_that_sts_takes(
    sessions: TenantSessions, sts: FakeSts, tenant_id: str
) -> None:
    sessions.client(tenant_id)
    assert re.fullmatch(r"[\w+=,.@-]{2,64}", sts.requests[0]["RoleSessionName"])


# an AWS account of the tenant's own

THERE = Abroad(
    "arn:aws:iam::111122223333:role/tenantry-platform", "/tenantry/accounts/a/external-id"
)
SCOPE = DataScope((TABLE,))


class FakeParameters:
    def __init__(self, found: str | None) -> None:
        self.found = found
        self.asked = 0

    def get_parameter(self, Name: str, WithDecryption: bool) -> dict[str, Any]:  # noqa: N803 - boto3's names
        assert (Name, WithDecryption) == (THERE.secret, True)
        self.asked += 1
        if self.found is None:
            raise ClientError({"Error": {"Code": "ParameterNotFound"}}, "GetParameter")
        return {"Parameter": {"Value": self.found}}


class GuardedSts(FakeSts):
    """Lets in over there whoever knows the external id."""

    def assume_role(self, **request: Any) -> dict[str, Any]:
        if request["RoleArn"] == THERE.role_arn and request.get("ExternalId") != "right":
            raise ClientError({"Error": {"Code": "AccessDenied"}}, "AssumeRole")
        return super().assume_role(**request)


@pytest.fixture
def parameters() -> FakeParameters:
    return FakeParameters("right")


@pytest.fixture
def abroad(clock: FakeClock, parameters: FakeParameters) -> tuple[TenantSessions, GuardedSts]:
    sts = GuardedSts(clock)
    sessions = TenantSessions(
        sts=sts,  # type: ignore[arg-type]  # the one method that is called
        role_arn=ROLE,
        scope=SCOPE,
        now=clock,
        connect=lambda credentials: [credentials["aws_session_token"]],
        doorway=lambda _keys: Doorway(sts, parameters),  # type: ignore[arg-type]  # the same
    )
    return sessions, sts


def test_an_account_of_ones_own_is_entered_with_its_external_id(
    abroad: tuple[TenantSessions, GuardedSts],
) -> None:
    sessions, sts = abroad

    sessions.client("acme", SCOPE, THERE)

    door, there = sts.requests
    assert (door["RoleArn"], door.get("ExternalId")) == (ROLE, None)
    assert (there["RoleArn"], there["ExternalId"]) == (THERE.role_arn, "right")
    assert there["Policy"] == SCOPE.policy("acme")


def test_the_session_at_the_door_can_do_nothing_but_enter(
    abroad: tuple[TenantSessions, GuardedSts],
) -> None:
    sessions, sts = abroad
    sessions.client("acme", SCOPE, THERE)

    allowed = {
        (each["Action"], each["Resource"])
        for each in json.loads(sts.requests[0]["Policy"])["Statement"]
    }
    assert allowed == {
        ("sts:AssumeRole", THERE.role_arn),
        ("ssm:GetParameter", f"arn:aws:ssm:*:*:parameter{THERE.secret}"),
        ("kms:Decrypt", "*"),
    }


@pytest.mark.parametrize("found", [None, "wrong", "", "RIGHT"])
def test_without_the_right_external_id_nobody_gets_in(
    abroad: tuple[TenantSessions, GuardedSts], parameters: FakeParameters, found: str | None
) -> None:
    parameters.found = found

    with pytest.raises(UnknownRouteError):
        abroad[0].client("acme", SCOPE, THERE)


def test_its_credentials_are_kept_per_tenant_and_renewed_before_they_expire(
    abroad: tuple[TenantSessions, GuardedSts], parameters: FakeParameters, clock: FakeClock
) -> None:
    sessions, sts = abroad
    first = sessions.client("acme", SCOPE, THERE)
    clock.advance(LIFETIME - MARGIN - timedelta(seconds=1))
    assert sessions.client("acme", SCOPE, THERE) is first
    assert (len(sts.requests), parameters.asked) == (2, 1)

    clock.advance(timedelta(seconds=1))
    assert sessions.client("acme", SCOPE, THERE) is not first
    assert (len(sts.requests), parameters.asked) == (4, 2)


def test_here_and_there_are_different_clients(abroad: tuple[TenantSessions, GuardedSts]) -> None:
    sessions, _ = abroad
    assert sessions.client("acme", SCOPE, THERE) is not sessions.client("acme", SCOPE)


def test_who_has_no_doorway_enters_nothing(sessions: TenantSessions) -> None:
    with pytest.raises(LookupError):
        sessions.client("acme", SCOPE, THERE)


@pytest.mark.parametrize(
    ("external", "opens"), [("right", True), ("wrong", False), (None, False), ("", False)]
)
def test_a_door_is_tried_with_any_external_id(
    abroad: tuple[TenantSessions, GuardedSts], external: str | None, opens: bool
) -> None:
    assert abroad[0].opens("acme", THERE, external) is opens


@pytest.mark.parametrize(("found", "enters"), [("right", True), ("wrong", False), (None, False)])
def test_whether_one_gets_in_is_found_out_with_the_id_that_is_kept(
    abroad: tuple[TenantSessions, GuardedSts],
    parameters: FakeParameters,
    found: str | None,
    enters: bool,
) -> None:
    parameters.found = found
    assert abroad[0].enters("acme", THERE) is enters


def test_a_session_that_is_only_tried_may_do_nothing(
    abroad: tuple[TenantSessions, GuardedSts],
) -> None:
    sessions, sts = abroad
    sessions.enters("acme", THERE)

    (statement,) = json.loads(sts.requests[-1]["Policy"])["Statement"]
    assert statement == {"Effect": "Deny", "Action": "*", "Resource": "*"}
