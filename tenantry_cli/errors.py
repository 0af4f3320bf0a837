"""What a command can end with, and its exit code.

CliError                1  the product refused, or something failed
├── BusyError           1  the product says that it cannot right now: 429, or 500 and above
├── UsageError          2  the command's words are off
├── NotSignedInError    3  nobody is signed in, or not any more
├── NoProfileError      2  there is no such deployment
└── UnreachableError    4  the product does not answer
"""

from typing import ClassVar


class CliError(Exception):
    """Base of what a command says before it ends; `code` is the product's, where it has one."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code


class BusyError(CliError):
    """The product says that it cannot right now; the same again may be done later."""


class UsageError(CliError):
    """The command's words are off."""

    exit_code = 2


class NoProfileError(UsageError):
    """There is no such deployment."""


class NotSignedInError(CliError):
    """Nobody is signed in, or not any more."""

    exit_code = 3


class UnreachableError(CliError):
    """The product does not answer."""

    exit_code = 4
