"""Every error the desk raises on purpose, as one tree.

DeskError                 exit 1   anything the desk can explain
  ConfigError             exit 4   a setting is missing, unknown or out of range
  DataError               exit 1   a candle file or feed cannot be trusted
    UnknownSymbol         exit 2   a symbol nobody lists
  NotFound                exit 2   an order, decision or session that does not exist
  NotRunning              exit 3   the command needs a running desk
  AlreadyRunning          exit 1   another desk holds this home folder or port
  DeadlineExceeded        exit 5   something did not answer in time
  MoneyError              exit 1   currencies mixed, or a number that is not money
  InvalidTransition       exit 1   an order was asked to do what its table forbids
  LedgerError             exit 1   postings that do not balance
  GateError               exit 1   an approval that the gate did not give
  StorageError            exit 1   the disk or the database refused
    JournalCorrupt        exit 1   the hash chain does not hold
  VenueError              exit 1   the venue answered no
    VenueRejected                  it refused the order: final
    VenueUnknown                   no answer: the order may or may not exist
    VenueDown                      it could not be reached or is closed: nothing was taken in
  ModelError              exit 1   a language model failed; the role abstains
"""

from __future__ import annotations

from typing import ClassVar


class DeskError(Exception):
    """An error the desk can explain: what is wrong, and what to do about it."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.message}. {self.fix}" if self.fix else self.message


class ConfigError(DeskError):
    exit_code = 4


class DataError(DeskError):
    pass


class UnknownSymbol(DataError):
    exit_code = 2


class NotFound(DeskError):
    exit_code = 2


class NotRunning(DeskError):
    exit_code = 3


class AlreadyRunning(DeskError):
    pass


class DeadlineExceeded(DeskError):
    exit_code = 5


class MoneyError(DeskError):
    pass


class InvalidTransition(DeskError):
    pass


class LedgerError(DeskError):
    pass


class GateError(DeskError):
    pass


class StorageError(DeskError):
    pass


class JournalCorrupt(StorageError):
    pass


class VenueError(DeskError):
    pass


class VenueRejected(VenueError):
    pass


class VenueUnknown(VenueError):
    pass


class VenueDown(VenueError):
    pass


class ModelError(DeskError):
    pass
