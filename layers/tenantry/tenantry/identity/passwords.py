"""Password hashes of the older system: bcrypt and argon2, each loaded when one is met."""

from tenantry.runtime.observability import logger

BCRYPT_READS = 72
"""Bytes of a password that bcrypt takes in; older implementations ignored the rest."""

_NOBODYS = "$2b$12$pygthNgr1IFyUma.FmfsFOB9zWY3v5aLRcOLHtHRcUn4Sl5DSJyfK"


def verified(password: str, stored: str) -> bool:
    """Whether `password` has the hash `stored`; False, no sooner, for a hash of another kind."""
    if stored.startswith("$argon2"):
        return _argon2(password, stored)
    if stored.startswith(("$2a$", "$2b$", "$2y$")):
        return _bcrypt(password, stored)
    logger.warning("a stored password hash is of an unknown kind")
    pretend(password)
    return False


def pretend(password: str) -> None:
    """Take the time that a verification takes."""
    _bcrypt(password, _NOBODYS)


def _bcrypt(password: str, stored: str) -> bool:
    import bcrypt  # only the migration's layer has it

    try:
        return bcrypt.checkpw(password.encode()[:BCRYPT_READS], stored.encode())
    except ValueError:
        return False


def _argon2(password: str, stored: str) -> bool:
    import argon2  # only the migration's layer has it

    try:
        return argon2.PasswordHasher().verify(stored, password)
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError, ValueError):
        return False
