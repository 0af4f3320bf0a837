"""What this context keeps of an organisation: the log stays, for as long as its plan says."""

from typing import Final

from tenantry.audit.events import (
    AuditExportCancelled,
    AuditExported,
    AuditExportFailed,
    AuditExportRequested,
)
from tenantry.tenancy.holdings import Holding, Store, Tells

_LOG: Final = "the audit log, by the plan's retention"
_SEALS: Final = "the seals of the audit log, which are locked; their key is destroyed at its date"
_JOBS: Final = Tells(
    "AuditExport",
    (AuditExportRequested, AuditExported, AuditExportFailed, AuditExportCancelled),
)

HOLDINGS: Final = (
    Holding(Store.PLATFORM, "gaps in the audit", "AUDIT_GAP#"),
    Holding(Store.TENANT, "exports of the audit", below=("EXPORTS",), tells=(_JOBS,)),
    Holding(Store.AUDIT, "entries", below=("AUDIT", "*"), kept=_LOG),
    Holding(Store.AUDIT, "marks of retention", "RETENTION", below=("AUDIT",), kept=_LOG),
    Holding(Store.AUDIT, "late entries", below=("LATE", "*"), kept=_LOG),
    Holding(Store.AUDIT, "ledgers of versions", below=("VERSIONS", "*"), kept=_LOG),
    Holding(Store.AUDIT, "seals", below=("SEALS",), kept=_SEALS),
)
