"""Who waits in the line of operations is looked at whenever one comes or a place is free."""

from tenantry.accounts import events
from tenantry.messaging.event import EventData
from tests.infrastructure.templates import templates

MOVE_NOTHING = {
    "AccountCreationStarted",
    "AccountCancelRequested",
    "AccountVended",
    "AccountProbed",
    "AccountCopyRetired",
    "AccountCopyRemoved",
    "AccountTeardownRequested",
    "TechnicalUserCreated",
    "TechnicalUserEnded",
    "TechnicalUserIssued",
}
"""Told within an operation, beside the line, or before somebody else has approved."""


def test_every_event_of_accounts_moves_the_line_up_or_has_no_bearing_on_it() -> None:
    told = {
        each.type
        for each in vars(events).values()
        if isinstance(each, type) and issubclass(each, EventData) and "type" in vars(each)
    }
    [accounts] = [each for each in templates() if each.name == "accounts"]
    rule = dict(accounts.properties("AWS::Events::Rule"))["StartOperationsRule"]

    assert rule["EventPattern"]["source"] == ["tenantry.accounts"]
    assert set(rule["EventPattern"]["detail-type"]) == told - MOVE_NOTHING
