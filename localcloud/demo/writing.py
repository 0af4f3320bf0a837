"""Somebody who goes on writing what lies with their organisation's data, wherever that is."""

import threading
from dataclasses import dataclass, field
from typing import Any, Self

from localcloud.client import GraphqlError, Product, Tokens

_ASK = "mutation($input: AuditExportInput!) { requestAuditExport(input: $input) { id } }"
_GIVE_UP = "mutation($id: ID!) { cancelAuditExport(id: $id) { id } }"
_LIST = """query($after: String) {
  auditExports(first: 100, after: $after) { items { id state } nextCursor }
}"""
_ALWAYS = {"from": "2026-01-01T00:00:00Z", "to": "2035-01-01T00:00:00Z", "format": "JSONL"}
_PATIENCE = 60


@dataclass
class Writer:
    """Asks for exports and gives them up, one after the other, until it is left.

    Unhurried: each costs the local cloud four invocations.
    """

    product: Product
    tokens: Tokens
    pause: float = 0.5
    """Seconds, after each and before one that was refused is tried again."""
    asked: list[str] = field(default_factory=list)
    given_up: list[str] = field(default_factory=list)
    refused: list[GraphqlError] = field(default_factory=list)
    _left: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._left.set()
        self._thread.join(_PATIENCE)

    def listed(self) -> dict[str, str]:
        """All exports of the organisation by now, with their states."""
        found, after = dict[str, str](), None
        while True:
            page = self.product.graphql(_LIST, self.tokens, after=after)["auditExports"]
            found |= {each["id"]: each["state"] for each in page["items"]}
            if (after := page["nextCursor"]) is None:
                return found

    def _work(self) -> None:
        while not self._left.is_set():
            if (job := self._tried(_ASK, input=_ALWAYS)) is None:
                continue
            self.asked.append(job["id"])
            while not self._left.is_set():
                if self._tried(_GIVE_UP, id=job["id"]):
                    self.given_up.append(job["id"])
                    self._left.wait(self.pause)
                    break

    def _tried(self, query: str, **given: Any) -> Any:
        try:
            [answer] = self.product.graphql(query, self.tokens, **given).values()
        except GraphqlError as error:
            if error.code == "CONFLICT":  # whoever writes exports was quicker: it is done
                return given
            self.refused.append(error)
            self._left.wait(self.pause)
            return None
        return answer
