"""What the organisations' function writes to its log: ids and codes, nobody's words (row 26)."""

import sys

import pytest

from tenantry.runtime.observability import logger
from tests.integration.organizations.conftest import Api
from tests.support.faults import injected, lose_answer


def test_neither_tokens_nor_what_people_wrote_are_logged(
    organizations_api: Api,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logger.registered_handler, "stream", sys.stdout)
    own = organizations_api.create("canary-name", description="canary-text")["id"]
    who = {"organization": own}
    claim = organizations_api.data("claimDomain", {"domain": "canary-domain.example"}, **who)
    for name, arguments in (
        ("verifyDomain", {"domain": "canary-domain.example"}),
        ("updateOrganization", {"input": {"name": "canary\u202ename", "canary": 1}}),
        ("updateOrganizationSettings", {"input": {"branding": {"supportEmail": "canary@x.org"}}}),
        ("updateOrganizationSettings", {"input": {"branding": {"supportEmail": "canary@"}}}),
        ("claimDomain", {"domain": "canary-domain"}),
    ):
        organizations_api.ask(name, arguments, **who)
    organizations_api.post({"name": "canary-rest", "slug": "CANARY"})
    with injected(lose_answer(at=1)):
        organizations_api.ask("updateOrganization", {"input": {"name": "canary-two"}}, **who)

    logged = capsys.readouterr().out

    assert own in logged
    assert "canary" not in logged.lower()
    assert claim["recordValue"].partition("=")[2] not in logged
