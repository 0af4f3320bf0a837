"""The audit context's API function: an organisation's activity, its log, and exports of it."""

from typing import Any

from aws_lambda_powertools.event_handler import AppSyncResolver
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.audit.replies import activity_reply, entry_reply, job_reply
from tenantry.audit.bootstrap.activity import activity_service, audit_log_service
from tenantry.audit.bootstrap.exports import export_service
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


@app.resolver(type_name="Mutation", field_name="requestAuditExport")
def request_audit_export(input: dict[str, Any]) -> dict[str, Any]:
    return job_reply(export_service().request_export(app.context["caller"], input))


@app.resolver(type_name="Mutation", field_name="requestComplianceReport")
def request_compliance_report(input: dict[str, Any]) -> dict[str, Any]:
    return job_reply(export_service().request_report(app.context["caller"], input))


@app.resolver(type_name="Mutation", field_name="cancelAuditExport")
def cancel_audit_export(id: str) -> dict[str, Any]:
    return job_reply(export_service().cancel(app.context["caller"], id))


@app.resolver(type_name="Query", field_name="auditExport")
def audit_export(id: str) -> dict[str, Any]:
    followed = export_service().export(app.context["caller"], id)
    return job_reply(followed.job, followed.url)


@app.resolver(type_name="Query", field_name="auditExports")
def audit_exports(first: int | None = None, after: str | None = None) -> dict[str, Any]:
    page = export_service().exports(app.context["caller"], first, after)
    return {"items": [job_reply(job) for job in page.items], "nextCursor": page.next_cursor}


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return answer(app, event, context)
