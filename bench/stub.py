"""AWS that answers at once: `python -m bench.stub` prints its port and serves until its input ends.

Reads answer the items of `bench.events`, writes succeed and leave nothing behind, so that every
call of a series finds the same. It is no judge of right or wrong, only of the time between.
"""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs

from bench.events import ITEMS, LEGACY_ITEMS

HOST = "127.0.0.1"
_BY_KEY = {(item["PK"]["S"], item["SK"]["S"]): item for item in ITEMS}
_LEGACY = {item["email"]["S"]: item for item in LEGACY_ITEMS}

type Request = dict[str, Any]


@contextlib.contextmanager
def running() -> Iterator[str]:
    """A stub in a process of its own; answers its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.stub"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield f"http://{HOST}:{int(process.stdout.readline())}"
    finally:
        process.stdin.close()
        process.wait(10)


def _find(key: Request) -> Request | None:
    if "email" in key:
        return _LEGACY.get(key["email"]["S"])
    return _BY_KEY.get((key["PK"]["S"], key["SK"]["S"]))


def _get_item(asked: Request) -> Request:
    found = _find(asked["Key"])
    return {"Item": found} if found else {}


def _batch_get_item(asked: Request) -> Request:
    return {
        "Responses": {
            table: [found for key in read["Keys"] if (found := _find(key))]
            for table, read in asked["RequestItems"].items()
        },
        "UnprocessedKeys": {},
    }


def _query(asked: Request) -> Request:
    names = asked.get("ExpressionAttributeNames", {})
    attribute = next((name for name in names.values() if name.endswith("PK")), "PK")
    values = [value.get("S") for value in asked["ExpressionAttributeValues"].values()]
    items = [item for item in ITEMS if item.get(attribute, {}).get("S") in values]
    return {"Items": items, "Count": len(items), "ScannedCount": len(items)}


def _nothing(_asked: Request) -> Request:
    return {}


def _put_events(asked: Request) -> Request:
    return {"FailedEntryCount": 0, "Entries": [{"EventId": "e"} for _ in asked["Entries"]]}


_ANSWERS: dict[str, Callable[[Request], Request]] = {
    "GetItem": _get_item,
    "BatchGetItem": _batch_get_item,
    "Query": _query,
    "PutEvents": _put_events,
    "DescribeEventBus": lambda asked: {"Name": asked["Name"], "Arn": "arn:aws:events:::bus"},
    "SendMessage": lambda _: {"MessageId": "m", "MD5OfMessageBody": ""},
    "ListUsers": lambda _: {"Users": []},
}

_ASSUMED = b"""<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
<Credentials><AccessKeyId>ASIABENCH</AccessKeyId><SecretAccessKey>s</SecretAccessKey>
<SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>
<AssumedRoleUser><AssumedRoleId>A:b</AssumedRoleId><Arn>arn:aws:sts::0:assumed-role/a/b</Arn>
</AssumedRoleUser></AssumeRoleResult></AssumeRoleResponse>"""


def _answer(headers: dict[bytes, bytes], body: bytes) -> tuple[bytes, bytes]:
    if target := headers.get(b"x-amz-target"):
        operation = target.rpartition(b".")[2].decode()
        made = _ANSWERS.get(operation, _nothing)(json.loads(body))
        return b"application/x-amz-json-1.0", json.dumps(made).encode()
    action = parse_qs(body.decode()).get("Action", [""])[0]
    return b"text/xml", _ASSUMED if action == "AssumeRole" else b"<Response/>"


class _Http(asyncio.Protocol):
    """As much of HTTP/1.1 as botocore speaks: lengths, kept connections."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._read = b""

    def data_received(self, data: bytes) -> None:
        self._read += data
        while (end := self._read.find(b"\r\n\r\n")) >= 0:
            lines = self._read[:end].split(b"\r\n")[1:]
            headers = {
                name.lower(): value.strip()
                for name, _, value in (line.partition(b":") for line in lines)
            }
            done = end + 4 + int(headers.get(b"content-length", 0))
            if len(self._read) < done:
                return
            kind, answer = _answer(headers, self._read[end + 4 : done])
            self._read = self._read[done:]
            self._transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n%b"
                % (kind, len(answer), answer)
            )


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Http, HOST, 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    # Its parent's end is its own, however that comes.
    await loop.run_in_executor(None, sys.stdin.buffer.read)
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(_serve())
