"""Rooms: one answer a reader and case, nobody sees another's, and everything is gone when a room closes."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from pneumo.lessons import rooms
from pneumo.lessons.reader_study import CASES, Reading
from pneumo.lessons.rooms import Rooms
from pneumo.schema import PneumoError


def reading(case, called=1, final=1):
    return Reading(case, called, 0.8, 1, 1, final)


@pytest.fixture
def room():
    house = Rooms()
    return house, *house.open("phantoms", 7)


def test_readers_get_the_rooms_cases_and_are_counted(room):
    house, code, key = room
    for called in (1, 1, 0):
        reader, kind, seed = house.join(code.lower())
        assert (kind, seed) == ("phantoms", 7)
        house.add(code, reader, reading(0, called))
    report = house.report(code, key)
    assert report.joined == 3 and report.done == 0
    (tally,) = report.tallies
    assert (tally.case, tally.readers, tally.called, tally.final) == (0, 3, 2, 3)


def test_nothing_is_told_of_fewer_than_three(room):
    house, code, key = room
    for _ in range(rooms.FEWEST - 1):
        house.add(code, house.join(code)[0], reading(0))
    assert house.report(code, key).tallies == () == house.report(code, key).calls
    house.add(code, house.join(code)[0], reading(1))
    assert house.report(code, key).tallies == (), "three readers, but no case with three"


def test_the_first_answer_counts(room):
    house, code, key = room
    readers = [house.join(code)[0] for _ in range(3)]
    for reader in readers:
        house.add(code, reader, reading(0, called=0))
        house.add(code, reader, reading(0, called=1))
    assert house.report(code, key).tallies[0].called == 0


def test_strangers_are_refused(room):
    house, code, _key = room
    other, other_key = house.open("phantoms", 8)
    with pytest.raises(PneumoError, match="somebody else"):
        house.report(code, other_key)
    with pytest.raises(PneumoError, match="somebody else"):
        house.close(code, "")
    with pytest.raises(PneumoError, match="does not know you"):
        house.add(code, house.join(other)[0], reading(0))
    for wrong in ("", "XXXXX", "é", "A" * 1000):
        with pytest.raises(PneumoError, match="no room"):
            house.join(wrong)
    with pytest.raises(PneumoError, match="got number"):
        house.add(code, house.join(code)[0], reading(CASES))


def test_a_closed_room_is_forgotten(room):
    house, code, key = room
    reader, *_ = house.join(code)
    house.close(code, key)
    assert not house._rooms
    for use in (lambda: house.join(code), lambda: house.add(code, reader, reading(0)), lambda: house.report(code, key)):
        with pytest.raises(PneumoError, match="no room"):
            use()


def test_rooms_end_by_themselves_and_are_bounded(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(rooms, "MOST_ROOMS", 3)
    monkeypatch.setattr(rooms, "MOST_READERS", 2)
    house = Rooms(lambda: now[0])
    codes = [house.open("phantoms", n)[0] for n in range(3)]
    with pytest.raises(PneumoError, match="3 rooms"):
        house.open("phantoms", 3)
    house.join(codes[0])
    house.join(codes[0])
    with pytest.raises(PneumoError, match="full"):
        house.join(codes[0])
    now[0] = rooms.LIFETIME_S + 1
    house.open("phantoms", 4)
    with pytest.raises(PneumoError, match="no room"):
        house.join(codes[0])


def test_codes_have_no_letters_that_look_alike():
    assert not set("IL01O") & set(rooms.LETTERS)
    house = Rooms()
    assert len({house.open("phantoms", 1)[0] for _ in range(50)}) == 50


def test_many_readers_at_once_are_all_counted(room):
    house, code, key = room

    def read(_):
        reader, *_rest = house.join(code)
        for case in range(CASES):
            house.add(code, reader, reading(case))

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(read, range(100)))
    report = house.report(code, key)
    assert report.joined == report.done == 100
    assert all(each.readers == each.called == 100 for each in report.tallies)
