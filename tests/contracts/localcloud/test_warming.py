"""Functions may stand ready before they are asked for, as with provisioned concurrency on AWS."""

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from localcloud.client import until
from localcloud.deployment import warm_up
from localcloud.place import Place

# Says that its module was loaded, which is when its environment starts.
LOADED = """
from pathlib import Path

Path({there!r}).touch()

def handler(event, context):
    return "answered"
"""


def test_an_environment_stands_ready_before_it_is_asked_for(
    cloud: Place, client: Any, functions: Any, tmp_path: Path
) -> None:
    there = tmp_path / "loaded"
    function = functions.create(LOADED.format(there=str(there)), [])

    assert warm_up(cloud, "another", function) >= 1
    until("its environment", there.exists)
    there.unlink()
    answer = client("lambda").invoke(FunctionName=function, Payload="{}")

    assert json.load(answer["Payload"]) == "answered"
    assert not there.exists()  # it was this environment that answered, not another one


def test_only_a_post_starts_anything(cloud: Place) -> None:
    with pytest.raises(urllib.error.HTTPError, match="405"):
        urllib.request.urlopen(f"{cloud.endpoint}/_localcloud/warm")
