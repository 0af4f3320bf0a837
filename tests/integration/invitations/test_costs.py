"""What commands cost: round trips, and capacity units by AWS's published rules."""

from typing import Any

from tests.integration.invitations.conftest import Functions
from tests.support.capacity import Cost, measured
from tests.support.invitations import BOB


def cost_of(functions: Functions, name: str, arguments: dict[str, Any], **who: Any) -> Cost:
    with measured(functions.acme.table._client) as cost:
        answer = functions.ask(name, arguments, **who)
    assert "error" not in answer, answer
    return cost


def _without_metering(cost: Cost) -> list[str]:
    """What counts an organisation's calls is another's cost, and in batches."""
    return [operation for operation in cost.operations if operation != "UpdateItem"]


def test_inviting_is_two_reads_a_look_at_the_members_and_one_transaction(
    functions: Functions,
) -> None:
    cost = cost_of(functions, "inviteUserToOrganization", {"input": {"email": BOB}})

    assert _without_metering(cost) == [
        "BatchGetItem",
        "BatchGetItem",
        "Query",
        "TransactWriteItems",
    ]
    [transaction] = cost.calls.of("TransactWriteItems")
    assert len(transaction.parameters["TransactItems"]) == 5
    # Each item is under a KB, a transaction doubles; one index carries when it is due.
    assert (cost.write_units, cost.index_write_units) == (10, 1)


def test_accepting_is_one_read_and_one_transaction_of_four_items(functions: Functions) -> None:
    functions.invite()
    token = functions.token()
    functions.acme.add_person("bob", BOB)

    cost = cost_of(
        functions, "acceptOrganizationInvite", {"token": token}, user="bob", organization=None
    )

    assert cost.operations == ["BatchGetItem", "TransactWriteItems"]
    [transaction] = cost.calls.of("TransactWriteItems")
    items = transaction.parameters["TransactItems"]
    assert [next(iter(item)) for item in items] == [
        "Update",
        "Put",
        "ConditionCheck",
        "ConditionCheck",
    ]
    assert cost.read_units == 4
    # The invitation leaves the index of what is due, the member enters that of memberships.
    assert cost.index_write_units == 2


def test_using_a_link_is_one_read_and_one_transaction_of_four_items(functions: Functions) -> None:
    functions.data("createInvitationLink", {"input": {"domains": ["example.com"], "maxUses": 3}})
    token = functions.token("ada@acme.example")
    functions.acme.add_person("bob", BOB)

    cost = cost_of(functions, "acceptOrganizationInvite", {"token": token}, user="bob")

    assert cost.operations == ["BatchGetItem", "TransactWriteItems"]
    [transaction] = cost.calls.of("TransactWriteItems")
    assert len(transaction.parameters["TransactItems"]) == 4


def test_revoking_is_a_standing_a_read_and_a_transaction_of_two(functions: Functions) -> None:
    made = functions.invite()

    cost = cost_of(functions, "revokeInvitation", {"invitationId": made["id"]})

    assert _without_metering(cost) == ["BatchGetItem", "GetItem", "TransactWriteItems"]
    [transaction] = cost.calls.of("TransactWriteItems")
    assert len(transaction.parameters["TransactItems"]) == 2
