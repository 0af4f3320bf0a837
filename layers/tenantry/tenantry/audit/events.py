"""What happens to the audit log itself: exports, reports, gaps. Ids and figures, no contents."""

from datetime import datetime
from typing import ClassVar

from tenantry.messaging.event import EventData


class _ExportEvent(EventData):
    """`kind` is EXPORT or COMPLIANCE_REPORT; `from_time` inclusive, `to_time` exclusive."""

    context: ClassVar[str] = "audit"

    export_id: str
    kind: str
    format: str
    from_time: datetime
    to_time: datetime


class AuditExportRequested(_ExportEvent):
    """`selection` is the filter, by name."""

    type: ClassVar[str] = "AuditExportRequested"

    selection: dict[str, str]


class AuditExported(_ExportEvent):
    """The result lies ready: `entries` of the log in `size` bytes.

    `damaged` further ones could not be read, and are not in it.
    """

    type: ClassVar[str] = "AuditExported"

    selection: dict[str, str]
    entries: int
    size: int
    damaged: int = 0


class AuditExportFailed(_ExportEvent):
    """It ended without a result; `code` says why."""

    type: ClassVar[str] = "AuditExportFailed"

    code: str


class AuditExportCancelled(_ExportEvent):
    type: ClassVar[str] = "AuditExportCancelled"


class AuditGapFound(EventData):
    """A version of an entity is missing in the audit."""

    type: ClassVar[str] = "AuditGapFound"
    context: ClassVar[str] = "audit"

    entity_type: str
    entity_id: str
    missing_version: int


class AuditGapRepaired(EventData):
    """A version of an entity that was missing in the audit has come into it."""

    type: ClassVar[str] = "AuditGapRepaired"
    context: ClassVar[str] = "audit"

    entity_type: str
    entity_id: str
    missing_version: int
