"""The DnsResolver port, on the fake and on dnspython asking a name server of this test."""

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from tenantry.errors import UnavailableError
from tenantry.organizations.dns import DnspythonResolver
from tenantry.organizations.repository import DnsResolver
from tests.support.fakes.organizations import FakeDns

NAME = "_tenantry-verification.acme.example"
RECORDS = {NAME: ["v=spf1 -all", "tenantry-verification=abc"]}


@dataclass
class NameServer:
    """Answers TXT queries on a port of 127.0.0.1; `rcode` fails them all."""

    rcode: dns.rcode.Rcode = dns.rcode.NOERROR
    asked: int = 0

    def __post_init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            wire, client = self._socket.recvfrom(4096)
            if not wire:
                self._socket.close()
                return
            self.asked += 1
            query = dns.message.from_wire(wire)
            answer = dns.message.make_response(query)
            answer.flags |= dns.flags.RA
            name = query.question[0].name.to_text(omit_final_dot=True)
            answer.set_rcode(self.rcode)
            if self.rcode == dns.rcode.NOERROR and name in RECORDS:
                texts = [f'"{text[:9]}" "{text[9:]}"' for text in RECORDS[name]]
                answer.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", "TXT", *texts))
            elif self.rcode == dns.rcode.NOERROR and not name.startswith("empty."):
                answer.set_rcode(dns.rcode.NXDOMAIN)
            self._socket.sendto(answer.to_wire(), client)

    def stop(self) -> None:
        host, _, port = self.address.partition(":")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bell:
            bell.sendto(b"", (host, int(port)))


@pytest.fixture
def server() -> Iterator[NameServer]:
    made = NameServer()
    yield made
    made.stop()


@pytest.fixture(params=["in-memory", "dnspython"])
def resolver(request: pytest.FixtureRequest) -> DnsResolver:
    if request.param == "in-memory":
        return FakeDns(RECORDS)
    return DnspythonResolver(request.getfixturevalue("server").address)


def test_every_text_of_a_name_is_found_whole(resolver: DnsResolver) -> None:
    assert sorted(resolver.texts(NAME)) == sorted(RECORDS[NAME])


def test_a_name_that_does_not_exist_has_none(resolver: DnsResolver) -> None:
    assert resolver.texts("_tenantry-verification.other.example") == []


def test_a_name_without_texts_has_none(resolver: DnsResolver) -> None:
    assert resolver.texts("empty.example") == []


@pytest.mark.parametrize("rcode", [dns.rcode.SERVFAIL, dns.rcode.REFUSED])
def test_a_server_that_fails_is_said_to_be_unavailable(
    server: NameServer, rcode: dns.rcode.Rcode
) -> None:
    server.rcode = rcode

    with pytest.raises(UnavailableError):
        DnspythonResolver(server.address).texts(NAME)


def test_a_server_that_is_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tenantry.organizations.dns._TIMEOUT", 0.1)
    monkeypatch.setattr("tenantry.organizations.dns._LIFETIME", 0.2)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))

        with pytest.raises(UnavailableError):
            DnspythonResolver(f"127.0.0.1:{silent.getsockname()[1]}").texts(NAME)
