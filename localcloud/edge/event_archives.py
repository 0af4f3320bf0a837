"""Archives of an event bus that a template declares.

MiniStack has the archives of EventBridge's own API and refuses the resource: see
"AWS::Events::Archive" in the CloudFormation template reference. `Ref` is the archive's name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ministack.services import eventbridge
from ministack.services.cloudformation import provisioners


def install() -> None:
    """Make, change and delete an archive with its stack."""
    provisioners._RESOURCE_HANDLERS["AWS::Events::Archive"] = {
        "create": _create,
        "update": _update,
        "delete": _delete,
    }


def _create(
    logical_id: str, props: Mapping[str, Any], stack_name: str
) -> tuple[str, dict[str, Any]]:
    name = props.get("ArchiveName") or provisioners._physical_name(
        stack_name, logical_id, max_len=48
    )
    answer = eventbridge._create_archive(
        {**_changeable(props), "ArchiveName": name, "EventSourceArn": props["SourceArn"]}
    )
    return name, {"Arn": _answered(answer)["ArchiveArn"], "ArchiveName": name}


def _update(
    physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], stack_name: str
) -> tuple[str, dict[str, Any]]:
    if any(old.get(name) != new.get(name) for name in ("ArchiveName", "SourceArn")):
        return _create(physical_id, new, stack_name)  # only another archive has another of them
    answer = eventbridge._update_archive({**_changeable(new), "ArchiveName": physical_id})
    return physical_id, {"Arn": _answered(answer)["ArchiveArn"], "ArchiveName": physical_id}


def _delete(physical_id: str, _: Mapping[str, Any]) -> None:
    eventbridge._delete_archive({"ArchiveName": physical_id})


def _changeable(props: Mapping[str, Any]) -> dict[str, Any]:
    pattern = props.get("EventPattern")
    return {
        "Description": props.get("Description", ""),
        "RetentionDays": int(props.get("RetentionDays", 0)),
        "EventPattern": json.dumps(pattern) if pattern else "",
    }


def _answered(answer: tuple[int, Any, bytes | str]) -> dict[str, Any]:
    status, _, body = answer
    content: dict[str, Any] = json.loads(body)
    if status >= 300:  # noqa: PLR2004 - HTTP's own border between success and the rest
        raise ValueError(content.get("message", content))
    return content
