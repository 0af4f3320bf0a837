"""What goes wrong between the invitations' functions and their table (rows 11 and 12)."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.integration.invitations.conftest import Functions
from tests.support.faults import Stopped, injected, lose_answer, recorded, stop_after, stop_before
from tests.support.invitations import BOB
from tests.support.invocations import forget


def _nothing(_functions: Functions) -> str:
    return ""


def _invited(functions: Functions) -> str:
    return str(functions.invite()["id"])


def _mailed(functions: Functions) -> str:
    functions.invite()
    functions.acme.add_person("bob", BOB)
    return functions.token()


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
}
_PAST_THE_LEASE = timedelta(minutes=2)
WRITES = frozenset({"TransactWriteItems"})
FINISHED = {
    # Done the first time, and the repetition says so.
    "accept": {"INVITATION_INVALID", "ALREADY_MEMBER"},
    "decline": {"INVITATION_INVALID"},
}


def summary(functions: Functions) -> Any:
    """What became of it: seats, members, and the invitation's state."""
    acme = functions.acme
    [invitation] = acme.items("INVITATION#") or [{}]
    assert acme.seats == acme.seats_by_rows()
    return (acme.seats, acme.members(), invitation.get("status"))


@pytest.mark.parametrize("command", COMMANDS)
def test_a_write_whose_answer_is_lost_ends_as_if_it_had_come(
    functions: Functions, command: str
) -> None:
    prepare, run = COMMANDS[command]
    given = prepare(functions)

    with injected(lose_answer(at=1, operations=WRITES)):
        answer = run(functions, given)

    assert "error" not in answer
    expected = {
        "invite": (2, "PENDING"),
        "resend": (2, "PENDING"),
        "revoke": (1, "REVOKED"),
        "accept": (2, "ACCEPTED"),
        "decline": (1, "DECLINED"),
        "mail": (2, "PENDING"),
    }[command]
    seats, _, status = summary(functions)
    assert (seats, status) == expected


@pytest.mark.parametrize("stop", [stop_before, stop_after])
@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "resend"])
def test_a_command_stopped_anywhere_is_finished_by_its_repetition(
    functions: Functions, command: str, stop: Callable[[int], Any]
) -> None:
    """Sending again is another mail each time it is asked for: it has no repetition to converge."""
    prepare, run = COMMANDS[command]
    given = prepare(functions)
    first = dict(_state(functions))
    with recorded() as calls:
        run(functions, given)
    expected, count = summary(functions), len(calls)

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
        assert summary(functions) == expected, at


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
