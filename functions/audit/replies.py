"""How the audit context's answers look."""

import json
from typing import Any

from tenantry.audit.jobs import Job
from tenantry.audit.model import Activity


def activity_reply(activity: Activity) -> dict[str, Any]:
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


def entry_reply(activity: Activity) -> dict[str, Any]:
    """All that the log keeps."""
    entry, shown = activity.entry, activity_reply(activity)
    actor = {"role": entry.actor.role, "onBehalfOf": entry.actor.on_behalf_of}
    return {
        **shown,
        "actor": {**shown["actor"], **actor},
        "context": entry.context,
        "version": entry.version,
        "sourceIp": entry.request.source_ip,
        "userAgent": entry.request.user_agent,
    }


def job_reply(job: Job, url: str | None = None) -> dict[str, Any]:
    return {
        "id": job.job_id,
        "kind": job.kind.value,
        "format": job.format.value,
        "state": job.state.value,
        "percent": job.percent,
        "entries": job.entries,
        "size": job.size,
        "error": job.error,
        "damaged": job.damaged,
        "damagedEntries": list(job.damaged_entries),
        "from": job.from_.isoformat(),
        "to": job.to.isoformat(),
        "requestedBy": job.requested_by.id,
        "createdAt": job.created_at.isoformat(),
        "finishedAt": job.finished_at.isoformat() if job.finished_at else None,
        "expiresAt": job.expires_at.isoformat() if job.expires_at else None,
        "url": url,
    }
