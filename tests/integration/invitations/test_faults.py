"""What goes wrong between the invitations' functions and their table (rows 11 and 12)."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tenantry.invitations.model import REMINDED_BEFORE, VALID
from tests.integration.invitations.conftest import Functions
from tests.support.faults import Stopped, injected, lose_answer, recorded, stop_after, stop_before
from tests.support.invitations import BOB
from tests.support.invocations import forget

_A_MOMENT = timedelta(seconds=1)
LINK = {"input": {"domains": ["example.com"], "maxUses": 3}}


def _nothing(_functions: Functions) -> str:
    return ""


def _invited(functions: Functions) -> str:
    return str(functions.invite()["id"])


def _mailed(functions: Functions) -> str:
    functions.invite()
    functions.acme.add_person("bob", BOB)
    return functions.token()


def _reminded(functions: Functions) -> str:
    """An invitation that is to be reminded of."""
    invitation_id = _invited(functions)
    functions.acme.clock.advance(VALID - REMINDED_BEFORE + _A_MOMENT)
    return invitation_id


def _over(functions: Functions) -> str:
    """An invitation and a link whose time has passed."""
    invitation_id = _invited(functions)
    _linked(functions)
    functions.acme.clock.advance(VALID + _A_MOMENT)
    return invitation_id


def _linked(functions: Functions) -> str:
    return str(functions.data("createInvitationLink", LINK)["id"])


def _link_mailed(functions: Functions) -> str:
    _linked(functions)
    functions.acme.add_person("bob", BOB)
    return functions.token("ada@acme.example")


def _ask(name: str, argument: str) -> Callable[[Functions, str], Any]:
    return lambda functions, given: functions.ask(name, {argument: given}, user="ada")


def _accept(functions: Functions, token: str) -> Any:
    return functions.ask("acceptOrganizationInvite", {"token": token}, user="bob")


COMMANDS: dict[str, tuple[Callable[[Functions], str], Callable[[Functions, str], Any]]] = {
    "invite": (
        _nothing,
        lambda f, _: f.ask("inviteUserToOrganization", {"input": {"email": BOB}}),
    ),
    "resend": (_invited, _ask("resendInvitation", "invitationId")),
    "revoke": (_invited, _ask("revokeInvitation", "invitationId")),
    "accept": (_mailed, _accept),
    "decline": (_mailed, _ask("declineInvitation", "token")),
    "mail": (_invited, lambda f, _: f.deliver()),
    "remind": (_reminded, lambda f, _: f.sweep()),
    "expire": (_over, lambda f, _: f.sweep()),
    "link": (_nothing, lambda f, _: f.ask("createInvitationLink", LINK)),
    "link mail": (_linked, lambda f, _: f.deliver()),
    "link revoke": (_linked, _ask("revokeInvitationLink", "linkId")),
    "link use": (_link_mailed, _accept),
}
# Each time it is asked for it is another mail: there is no repetition to converge.
ANEW = frozenset({"resend", "link"})
_PAST_THE_LEASE = timedelta(minutes=2)
WRITES = frozenset({"PutItem", "TransactWriteItems", "UpdateItem"})
FINISHED = {
    # Done the first time, and the repetition says so.
    "accept": {"INVITATION_INVALID", "ALREADY_MEMBER"},
    "decline": {"INVITATION_INVALID"},
    "link use": {"INVITATION_INVALID", "ALREADY_MEMBER"},
}


def summary(functions: Functions) -> Any:
    """Seats; how invitation and link stand; whether it was reminded of, how often the link used."""
    acme = functions.acme
    [invitation] = acme.items("INVITATION#") or [{}]
    [link] = acme.items("INVITELINK#") or [{}]
    assert acme.seats == acme.seats_by_rows()
    states = tuple(each["status"] for each in (invitation, link) if each)
    return acme.seats, states, bool(invitation.get("reminded")), int(link.get("uses", 0))


OUTCOMES = {
    "invite": (2, ("PENDING",), False, 0),
    "resend": (2, ("PENDING",), False, 0),
    "revoke": (1, ("REVOKED",), False, 0),
    "accept": (2, ("ACCEPTED",), False, 0),
    "decline": (1, ("DECLINED",), False, 0),
    "mail": (2, ("PENDING",), False, 0),
    "remind": (2, ("PENDING",), True, 0),
    "expire": (1, ("EXPIRED", "EXPIRED"), False, 0),
    "link": (1, ("ACTIVE",), False, 0),
    "link mail": (1, ("ACTIVE",), False, 0),
    "link revoke": (1, ("REVOKED",), False, 0),
    "link use": (2, ("ACTIVE",), False, 1),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_write_whose_answer_is_lost_ends_as_if_it_had_come(
    functions: Functions, command: str
) -> None:
    prepare, run = COMMANDS[command]
    given = prepare(functions)
    first = dict(_state(functions))
    with recorded() as calls:
        run(functions, given)
    writes = len(calls.of(*WRITES))
    assert writes

    for at in range(1, writes + 1):
        _reset(functions, first)
        with injected(lose_answer(at=at, operations=WRITES)) as calls:
            answer = run(functions, given)

        assert "error" not in answer
        assert not answer.get("batchItemFailures")
        assert len(calls.of(*WRITES)) > writes  # the SDK has asked again
        assert summary(functions) == OUTCOMES[command], at


@pytest.mark.parametrize("stop", [stop_before, stop_after])
@pytest.mark.parametrize("command", [name for name in COMMANDS if name not in ANEW])
def test_a_command_stopped_anywhere_is_finished_by_its_repetition(
    functions: Functions, command: str, stop: Callable[[int], Any]
) -> None:
    prepare, run = COMMANDS[command]
    given = prepare(functions)
    first = dict(_state(functions))
    with recorded() as calls:
        run(functions, given)
    assert summary(functions) == OUTCOMES[command]
    count = len(calls)

    for at in range(1, count + 1):
        _reset(functions, first)
        forget()
        with pytest.raises(Stopped), injected(stop(at)):
            run(functions, given)
        forget()
        functions.acme.clock.advance(_PAST_THE_LEASE)
        answer = run(functions, given)
        code = answer.get("error", {}).get("code")
        assert code is None or code in FINISHED.get(command, set()), (at, code)
        assert summary(functions) == OUTCOMES[command], at


def _state(functions: Functions) -> dict[tuple[str, str], dict[str, Any]]:
    client, name = functions.acme.table._client, functions.acme.table.name
    found = client.scan(TableName=name)["Items"]
    return {(item["PK"]["S"], item["SK"]["S"]): item for item in found}


def _reset(functions: Functions, first: dict[tuple[str, str], dict[str, Any]]) -> None:
    client, name = functions.acme.table._client, functions.acme.table.name
    for pk, sk in _state(functions):
        client.delete_item(TableName=name, Key={"PK": {"S": pk}, "SK": {"S": sk}})
    for item in first.values():
        client.put_item(TableName=name, Item=item)
