"""Rooms: a class reads the same cases, and its answers are counted in memory. No names, nothing on disk, gone when the room closes.

A room belongs to whoever holds its key; readers know its code alone. What a room tells are counts over readers, never one reader's
answers, and none before there are FEWEST of them.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

from pneumo.lessons.reader_study import CASES, Reading
from pneumo.schema import PneumoError

LETTERS = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"  # without those that look like another
CODE_LENGTH = 5
MOST_ROOMS, MOST_READERS = 100, 300
LIFETIME_S = 4 * 3600.0
FEWEST = 3


@dataclass(frozen=True)
class Tally:
    """What a room says of one case. called: readers who said PNEUMONIA first; final: after they saw the model."""

    case: int
    readers: int
    called: int
    final: int


@dataclass(frozen=True)
class Report:
    """A room as its owner sees it. tallies: by case, empty while there are fewer than FEWEST readers; readings: of all readers
    together in no order, for rates."""

    joined: int
    done: int
    tallies: tuple[Tally, ...]
    calls: tuple[tuple[int, int, int], ...]


@dataclass
class _Room:
    key: str
    kind: str
    seed: int
    opened_s: float
    readings: dict[str, dict[int, Reading]] = field(default_factory=dict)


class Rooms:
    """All rooms of a server; every method may be called from any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, Lock()
        self._rooms: dict[str, _Room] = {}

    def open(self, kind: str, seed: int) -> tuple[str, str]:
        """A new room for these cases: (code, key). PneumoError where there are too many."""
        with self._lock:
            self._forget_old()
            if len(self._rooms) >= MOST_ROOMS:
                raise PneumoError(f"{MOST_ROOMS} rooms are open on this server; close one, or wait until one ends")
            code = self._new_code()
            self._rooms[code] = _Room(secrets.token_urlsafe(16), kind, seed, self._clock())
            return code, self._rooms[code].key

    def _new_code(self) -> str:
        while True:
            code = "".join(secrets.choice(LETTERS) for _ in range(CODE_LENGTH))
            if code not in self._rooms:
                return code

    def join(self, code: str) -> tuple[str, str, int]:
        """A place in a room: (reader's secret token, kind, seed). PneumoError where there is no such room, or it is full."""
        with self._lock:
            room = self._room(code)
            if len(room.readings) >= MOST_READERS:
                raise PneumoError(f"this room is full: {MOST_READERS} readers")
            reader = secrets.token_urlsafe(16)
            room.readings[reader] = {}
            return reader, room.kind, room.seed

    def add(self, code: str, reader: str, reading: Reading) -> None:
        """Keeps a reading; the first one of a case counts. PneumoError where the room is closed or the reader is none of it."""
        if not 0 <= reading.case < CASES:
            raise PneumoError(f"there are {CASES} cases; got number {reading.case}")
        with self._lock:
            kept = self._room(code).readings.get(reader)
            if kept is None:
                raise PneumoError("this room does not know you; join it again")
            kept.setdefault(reading.case, reading)

    def report(self, code: str, key: str) -> Report:
        """What the class called so far, for the owner. PneumoError with another key."""
        with self._lock:
            room = self._room(code)
            self._check_key(room, key)
            answers = [dict(each) for each in room.readings.values()]
        done = sum(len(each) == CASES for each in answers)
        if sum(bool(each) for each in answers) < FEWEST:
            return Report(len(answers), done, (), ())
        tallies, calls = [], []
        for case in range(CASES):
            found = [each[case] for each in answers if case in each]
            if len(found) < FEWEST:
                continue
            tallies.append(
                Tally(case, len(found), sum(each.called for each in found), sum(each.final for each in found))
            )
            calls += [(each.called, each.final, each.truth) for each in found]
        return Report(len(answers), done, tuple(tallies), tuple(sorted(calls)))

    def close(self, code: str, key: str) -> None:
        """Forgets a room and all that was read in it."""
        with self._lock:
            self._check_key(self._room(code), key)
            del self._rooms[code.strip().upper()]

    def _room(self, code: str) -> _Room:
        self._forget_old()
        room = self._rooms.get(code.strip().upper())
        if room is None:
            raise PneumoError("there is no room of this code; it may have been closed")
        return room

    @staticmethod
    def _check_key(room: _Room, key: str) -> None:
        if not hmac.compare_digest(room.key.encode(), key.encode()):
            raise PneumoError("this room was opened by somebody else")

    def _forget_old(self) -> None:
        now = self._clock()
        for code in [code for code, room in self._rooms.items() if now - room.opened_s > LIFETIME_S]:
            del self._rooms[code]
