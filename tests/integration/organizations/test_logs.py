"""What the organisations' function writes to its log: ids and codes, nobody's words (row 26)."""

from io import StringIO
from typing import Any

import pytest

from tenantry.messaging.stamp import Stamp
from tenantry.organizations.dynamodb import DynamoDBDomainRepository
from tenantry.runtime.observability import logger
from tests.integration.organizations.conftest import Api
from tests.support.faults import injected, lose_answer


def said(api: Api, log: StringIO) -> tuple[str, str]:
    """What is logged while people write canaries everywhere; and the secret of a claim."""
    own = api.create("canary-name", description="canary-text")["id"]
    who = {"organization": own}
    claim = api.data("claimDomain", {"domain": "canary-domain.example"}, **who)
    for name, arguments in (
        ("verifyDomain", {"domain": "canary-domain.example"}),
        ("updateOrganization", {"input": {"name": "canary\u202ename", "canary": 1}}),
        ("updateOrganizationSettings", {"input": {"branding": {"supportEmail": "canary@x.org"}}}),
        ("updateOrganizationSettings", {"input": {"branding": {"supportEmail": "canary@"}}}),
        ("claimDomain", {"domain": "canary-domain"}),
    ):
        api.ask(name, arguments, **who)
    session = {"organizationId": own, "reason": "canary-reason", "minutes": 5}
    operator: dict[str, Any] = {"user": "root", "groups": ["SuperAdmin"]}
    assert "error" not in api.ask("openSupportSession", session, **operator)
    assert "error" not in api.ask("members", {"filter": {"text": "canary-text"}}, **who)
    for name in ("updateUserRole", "suspendMember", "removeUser"):
        role = {"role": "CANARY"} if name == "updateUserRole" else {}
        api.ask(name, {"userId": "canary#user", **role}, **who)
    api.post({"name": "canary-rest", "slug": "CANARY"})
    with injected(lose_answer(at=1)):
        api.ask("updateOrganization", {"input": {"name": "canary-two"}}, **who)
    logged = log.getvalue()
    assert own in logged
    return logged, claim["recordValue"].partition("=")[2]


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> StringIO:
    """What the logger writes."""
    stream = StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", stream)
    return stream


def test_neither_tokens_nor_what_people_wrote_are_logged(
    organizations_api: Api, log: StringIO
) -> None:
    logged, token = said(organizations_api, log)

    assert "canary" not in logged.lower()
    assert token not in logged


def test_events_logged_with_what_they_say_would_be_found(
    organizations_api: Api, log: StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin of the test above: a line that shows an event's data, or a claim, is noticed."""
    original = Stamp.event

    def talkative(self: Stamp, data: Any, *more: Any) -> Any:
        logger.info("happened", data=data.model_dump(mode="json"))
        return original(self, data, *more)

    monkeypatch.setattr(Stamp, "event", talkative)
    monkeypatch.setattr(
        DynamoDBDomainRepository,
        "claim",
        lambda _self, _before, after, _event: logger.info("claimed", claim=str(after)),
    )

    logged, token = said(organizations_api, log)

    assert "canary-name" in logged
    assert token in logged
