"""What goes wrong between the organisations' commands and their table (rows 11 and 12)."""

from collections.abc import Callable
from typing import Any

import pytest

from tenantry.tenancy.access import MemberStatus
from tenantry.tenancy.roles import Role
from tests.integration.organizations.conftest import Api
from tests.support.faults import (
    Stopped,
    injected,
    lose_answer,
    recorded,
    stop_after,
    stop_before,
)
from tests.support.invocations import forget

DOMAIN = {"domain": "acme.example"}
BOB = {"userId": "bob"}
SESSION = {"reason": "ticket 42", "minutes": 30}
OPERATOR: dict[str, Any] = {"user": "root", "groups": ["SuperAdmin"]}


def _create(api: Api) -> Any:
    return api.ask(
        "createOrganization", {"input": {"name": "Acme", "clientMutationId": "k-1"}}, user="ada"
    )


def _own(api: Api) -> str:
    return str(_create(api)["data"]["id"])


def _proof(api: Api) -> None:
    claim = api.data("claimDomain", DOMAIN, organization=_own(api))
    api.dns.records[claim["recordName"]] = [claim["recordValue"]]


def _proven(api: Api) -> None:
    _proof(api)
    api.data("verifyDomain", DOMAIN, organization=_own(api))


def _suspended(api: Api) -> None:
    api.data("suspendOrganization", {"organizationId": _own(api), "reason": "r"}, **OPERATOR)


def _with(role: Role, status: MemberStatus = MemberStatus.ACTIVE) -> Callable[[Api], Any]:
    """Bob is there too."""
    return lambda api: api.join(_own(api), "bob", role, status)


def _in_session(api: Api) -> None:
    api.data("openSupportSession", {"organizationId": _own(api), **SESSION}, **OPERATOR)


def _ask(name: str, arguments: dict[str, Any], **who: Any) -> Callable[[Api, str], Any]:
    return lambda api, own: api.ask(name, arguments, organization=own, **who)


def _operate(name: str, **more: str) -> Callable[[Api, str], Any]:
    return lambda api, own: api.ask(
        name, {"organizationId": own, "reason": "r", **more}, **OPERATOR
    )


def _nothing(_api: Api) -> None:
    """Founding needs nothing that was before."""


COMMANDS: dict[str, tuple[Callable[[Api], Any], Callable[[Api, str], Any]]] = {
    "create": (_nothing, lambda api, _own: _create(api)),
    "rename": (_own, _ask("updateOrganization", {"input": {"name": "Ajax"}})),
    "settings": (_own, _ask("updateOrganizationSettings", {"input": {"joinByDomain": True}})),
    "suspend": (_own, _operate("suspendOrganization")),
    "reactivate": (_suspended, _operate("reactivateOrganization")),
    "appoint": (_with(Role.MEMBER), _operate("appointOwner", **BOB)),
    "claim": (_own, _ask("claimDomain", DOMAIN)),
    "verify": (_proof, _ask("verifyDomain", DOMAIN)),
    "release": (_proven, _ask("releaseDomain", DOMAIN)),
    "role": (_with(Role.MEMBER), _ask("updateUserRole", {**BOB, "role": "ADMIN"})),
    "owner": (_with(Role.MEMBER), _ask("updateUserRole", {**BOB, "role": "OWNER"})),
    "permissions": (
        _with(Role.MEMBER),
        _ask("updateMemberPermissions", {**BOB, "permissions": ["activity:read"]}),
    ),
    "suspend member": (_with(Role.OWNER), _ask("suspendMember", BOB)),
    "reactivate member": (
        _with(Role.OWNER, MemberStatus.SUSPENDED),
        _ask("reactivateMember", BOB),
    ),
    "remove": (_with(Role.OWNER), _ask("removeUser", BOB)),
    "leave": (_with(Role.OWNER), _ask("leaveOrganization", {}, user="bob")),
    "transfer": (_with(Role.MEMBER), _ask("transferOwnership", BOB)),
    "open session": (
        _own,
        lambda api, own: api.ask(
            "openSupportSession", {"organizationId": own, **SESSION}, **OPERATOR
        ),
    ),
    "close session": (
        _in_session,
        lambda api, own: api.ask("closeSupportSession", {"organizationId": own}, **OPERATOR),
    ),
}


def prepared(api: Api, command: str) -> tuple[str, Callable[[], Any]]:
    """The organisation before the command, and the command."""
    prepare, run = COMMANDS[command]
    prepare(api)
    own = _own(api) if command != "create" else ""
    forget()
    return own, lambda: run(api, own)


def state(api: Api) -> Any:
    """Everything stored, without what differs from run to run: times, tokens and ids of events."""
    return [_comparable(item) for item in api.stored()]


def _comparable(item: dict[str, Any]) -> Any:
    left_out = {"created_at", "updated_at", "removed_at", "verified_at"}
    left_out |= {"token", "event_ids", "purge_at"}
    if item["entity_type"]["S"].startswith("Support"):
        left_out |= {"SK", "entity_id", "session_id", "opened_at", "expires_at", "closed_at"}
        left_out.add("GSI2SK")
    plain = {name: value for name, value in item.items() if name not in left_out}
    if "events" in plain:
        plain["events"] = [event["M"]["type"]["S"] for event in item["events"]["L"]]
    return plain


def _reference(api: Api, command: str) -> tuple[Any, int]:
    """What a run without faults leaves, and how many AWS calls it made; then all is forgotten."""
    _, run = prepared(api, command)
    with recorded() as calls:
        answer = run()
    assert "error" not in answer
    found = state(api), len(calls)
    _empty(api)
    return found


def _empty(api: Api) -> None:
    for item in api.stored():
        key = {"PK": item["PK"], "SK": item["SK"]}
        api.table._client.delete_item(TableName=api.table.name, Key=key)
    api.dns.records.clear()
    forget()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_write_whose_answer_is_lost_ends_as_if_it_had_come(
    organizations_api: Api, command: str
) -> None:
    expected, _ = _reference(organizations_api, command)
    _, run = prepared(organizations_api, command)

    with injected(lose_answer(at=1)) as calls:
        answer = run()

    assert "error" not in answer
    assert len(calls.of("PutItem", "UpdateItem", "TransactWriteItems")) > 1
    assert state(organizations_api) == expected


def test_a_write_that_does_not_know_itself_would_be_refused(
    organizations_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin of the test above."""
    _, run = prepared(organizations_api, "rename")
    monkeypatch.setattr("tenantry.persistence.table._is_own", lambda *_: False)

    with injected(lose_answer(at=1)):
        answer = run()

    assert answer["error"]["code"] == "CONFLICT"


@pytest.mark.parametrize("stop", [stop_before, stop_after])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_stopped_anywhere_is_finished_by_its_repetition(
    organizations_api: Api, command: str, stop: Callable[[int], Any]
) -> None:
    expected, calls = _reference(organizations_api, command)

    for at in range(1, calls + 1):
        _, run = prepared(organizations_api, command)
        with pytest.raises(Stopped), injected(stop(at)):
            run()
        forget()

        answer = run()
        assert "error" not in answer, answer
        assert state(organizations_api) == expected
        _empty(organizations_api)


def test_without_its_idempotency_key_a_stopped_founding_would_found_two(
    organizations_api: Api,
) -> None:
    """The twin of the test above: what holds `create` together is the key."""
    arguments = {"input": {"name": "Acme"}}
    with pytest.raises(Stopped), injected(stop_after(2)):
        organizations_api.ask("createOrganization", arguments)

    organizations_api.data("createOrganization", arguments)

    # Twice organisation, owner and slug; both are counted at their founder.
    assert len(state(organizations_api)) == 7
