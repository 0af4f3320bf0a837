"""Adapter: TXT records, asked of the system's name servers or of one that is named."""

from typing import TYPE_CHECKING

from tenantry.errors import UnavailableError

if TYPE_CHECKING:
    from dns.resolver import Resolver

_TIMEOUT = 2.0
_LIFETIME = 5.0


class DnspythonResolver:
    """`nameserver` is `ip:port`, or empty for the system's own; seconds at most: 5."""

    def __init__(self, nameserver: str = "") -> None:
        self._nameserver = nameserver

    def texts(self, name: str) -> list[str]:
        import dns.exception  # 150 ms to import, and one command in many needs it
        import dns.resolver

        try:
            answer = self._resolver().resolve(name, "TXT")
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except dns.exception.DNSException as error:
            raise UnavailableError("The domain's DNS does not answer; try again later.") from error
        return [b"".join(record.strings).decode("utf-8", "replace") for record in answer]

    def _resolver(self) -> "Resolver":
        from dns.nameserver import Do53Nameserver
        from dns.resolver import Resolver

        resolver = Resolver(configure=not self._nameserver)
        if self._nameserver:
            address, _, port = self._nameserver.rpartition(":")
            resolver.nameservers = [Do53Nameserver(address, int(port))]
        resolver.timeout, resolver.lifetime = _TIMEOUT, _LIFETIME
        resolver.search = []
        return resolver
