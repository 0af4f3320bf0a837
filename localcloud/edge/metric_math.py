"""Alarms over several metrics.

MiniStack refuses a template's alarm that has `Metrics`. On AWS it watches the result of an
expression: see "AWS::CloudWatch::Alarm" in the CloudFormation template reference. Here such an
alarm exists as described and is never evaluated (it stays INSUFFICIENT_DATA): nothing in the
local cloud waits for one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ministack.services.cloudformation import provisioners


def install() -> None:
    """Keep `Metrics` in the alarm's record."""
    record = provisioners._cw_metric_alarm_record

    def record_with_metrics(name: str, props: Mapping[str, Any]) -> dict[str, Any]:
        metrics = props.get("Metrics")
        if not metrics:
            alone: dict[str, Any] = record(name, props)
            return alone
        single = {key: value for key, value in props.items() if key != "Metrics"}
        alarm: dict[str, Any] = record(name, {**single, "MetricName": "-", "Namespace": "-"})
        return {**alarm, "MetricName": None, "Namespace": None, "Metrics": metrics}

    provisioners._cw_metric_alarm_record = record_with_metrics
