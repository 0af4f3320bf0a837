"""The audit context's other API function: it alone may open the seals of an organisation."""

from typing import Any

from aws_lambda_powertools.event_handler import AppSyncResolver
from aws_lambda_powertools.utilities.typing import LambdaContext

from tenantry.audit.bootstrap.verifying import verification_service
from tenantry.audit.verification import Finding, Verification
from tenantry.runtime.appsync import answer
from tenantry.runtime.observability import logger

app = AppSyncResolver()


@app.resolver(type_name="Query", field_name="verifyAudit")
def verify_audit(after: str | None = None, **given: Any) -> dict[str, Any]:
    # `from` is a word of Python's, so the interval comes by name.
    return _reply(verification_service().verify(app.context["caller"], given, after))


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return answer(app, event, context)


def _reply(verified: Verification) -> dict[str, Any]:
    through = verified.sealed_through
    return {
        "verified": verified.is_verified,
        "through": verified.through.isoformat(),
        "sealedThrough": through.isoformat() if through else None,
        "seals": verified.seals,
        "entries": verified.entries,
        "unsealed": verified.unsealed,
        "expired": verified.expired,
        "findingCount": verified.finding_count,
        "findings": [_finding(each) for each in verified.findings],
        "nextCursor": verified.next_cursor,
    }


def _finding(found: Finding) -> dict[str, Any]:
    return {
        "kind": found.kind.value,
        "day": found.day.isoformat(),
        "eventId": found.event_id,
        "message": found.what,
    }
