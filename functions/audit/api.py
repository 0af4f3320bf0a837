"""The audit context's API function: an organisation's activity."""

import json
from typing import Any

from aws_lambda_powertools.event_handler import AppSyncResolver
from aws_lambda_powertools.utilities.typing import LambdaContext

from tenantry.audit.bootstrap.activity import activity_service
from tenantry.audit.model import Activity
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
    return {"items": [_reply(item) for item in page.items], "nextCursor": page.next_cursor}


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return answer(app, event, context)


def _reply(activity: Activity) -> dict[str, Any]:
    entry = activity.entry
    return {
        "id": entry.event_id,
        "type": entry.type,
        "occurredAt": entry.occurred_at.isoformat(),
        "actor": {"id": entry.actor.id, "kind": entry.actor.kind, "name": activity.actor_name},
        "entityType": entry.entity_type,
        "entityId": entry.entity_id,
        "entityVersion": entry.entity_version,
        "correlationId": entry.correlation_id,
        "data": json.dumps(entry.data, ensure_ascii=False, separators=(",", ":")),
    }
