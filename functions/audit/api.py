"""The audit context's API function: an organisation's activity, and its log."""

from typing import Any

from aws_lambda_powertools.event_handler import AppSyncResolver
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.audit.replies import activity_reply, entry_reply
from tenantry.audit.bootstrap.activity import activity_service, audit_log_service
from tenantry.runtime.appsync import answer
from tenantry.runtime.observability import logger

app = AppSyncResolver()


@app.resolver(type_name="Query", field_name="activity")
def activity(
    first: int | None = None,
    after: str | None = None,
    filter: dict[str, Any] | None = None,
) -> dict[str, Any]:
    page = activity_service().activity(app.context["caller"], first, after, filter)
    return {"items": [activity_reply(item) for item in page.items], "nextCursor": page.next_cursor}


@app.resolver(type_name="Query", field_name="auditLog")
def audit_log(
    first: int | None = None,
    after: str | None = None,
    filter: dict[str, Any] | None = None,
) -> dict[str, Any]:
    page = audit_log_service().audit_log(app.context["caller"], first, after, filter)
    return {"items": [entry_reply(item) for item in page.items], "nextCursor": page.next_cursor}


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return answer(app, event, context)
