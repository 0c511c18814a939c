from __future__ import annotations

import threading

import numpy as np
import pytest

from tagger.errors import TaggerError
from tagger.storage.matrices import KeyedMatrix, text_key

KEYS = [text_key(word) for word in ("tesco", "shell", "rent")]
ROWS = np.arange(12, dtype=np.float32).reshape(3, 4)


def test_rows_come_back_by_key_in_any_order(tmp_path):
    matrix = KeyedMatrix(tmp_path / "m", 4, np.float32)
    matrix.add(KEYS, ROWS)
    assert matrix.rows([KEYS[2], KEYS[0], KEYS[2]]).tolist() == ROWS[[2, 0, 2]].tolist()


def test_another_process_sees_what_was_added(tmp_path):
    here, there = (KeyedMatrix(tmp_path / "m", 4, np.float32) for _ in range(2))
    here.add(KEYS[:2], ROWS[:2])
    assert there.missing(KEYS) == [KEYS[2]]
    there.add(KEYS, ROWS)
    assert here.missing(KEYS) == []
    assert here.rows(KEYS).tolist() == ROWS.tolist()


def test_a_key_is_stored_once(tmp_path):
    matrix = KeyedMatrix(tmp_path / "m", 4, np.float32)
    matrix.add(KEYS, ROWS)
    matrix.add(KEYS, ROWS + 100)
    assert len(matrix) == 3
    assert matrix.rows(KEYS).tolist() == ROWS.tolist()


@pytest.mark.parametrize(("file", "lost_bytes"), [("keys.bin", 1), ("keys.bin", 16), ("rows.bin", 1), ("rows.bin", 16)])
def test_a_torn_end_is_dropped_and_written_again(tmp_path, file, lost_bytes):
    KeyedMatrix(tmp_path / "m", 4, np.float32).add(KEYS, ROWS)
    torn = tmp_path / "m" / file
    torn.write_bytes(torn.read_bytes()[:-lost_bytes])
    matrix = KeyedMatrix(tmp_path / "m", 4, np.float32)
    assert matrix.missing(KEYS) == [KEYS[2]]
    assert matrix.rows(KEYS[:2]).tolist() == ROWS[:2].tolist()
    matrix.add(KEYS[2:], ROWS[2:])
    assert KeyedMatrix(tmp_path / "m", 4, np.float32).rows(KEYS).tolist() == ROWS.tolist()


def test_rows_without_keys_are_overwritten(tmp_path):
    KeyedMatrix(tmp_path / "m", 4, np.float32).add(KEYS[:1], ROWS[:1])
    with (tmp_path / "m" / "rows.bin").open("ab") as file:
        file.write(b"\xff" * 40)  # a process died between rows and keys
    matrix = KeyedMatrix(tmp_path / "m", 4, np.float32)
    matrix.add(KEYS[1:], ROWS[1:])
    assert KeyedMatrix(tmp_path / "m", 4, np.float32).rows(KEYS).tolist() == ROWS.tolist()


def test_asking_for_nothing_gives_nothing(tmp_path):
    assert KeyedMatrix(tmp_path / "m", 4, np.float32).rows([]).shape == (0, 4)


def test_a_key_given_twice_at_once_is_one_row(tmp_path):
    matrix = KeyedMatrix(tmp_path / "m", 4, np.float32)
    matrix.add([KEYS[0], KEYS[0], KEYS[1]], ROWS[[0, 0, 1]])
    matrix.add(KEYS[2:], ROWS[2:])
    for found in (matrix, KeyedMatrix(tmp_path / "m", 4, np.float32)):
        assert len(found) == 3
        assert found.rows(KEYS).tolist() == ROWS.tolist()


def test_asking_what_is_missing_amid_an_add_does_not_mix_up_rows(tmp_path):
    matrix = KeyedMatrix(tmp_path / "m", 4, np.float32)
    keys = [text_key(str(number)) for number in range(400)]
    rows = np.repeat(np.arange(400, dtype=np.float32)[:, np.newaxis], 4, axis=1)
    ended = threading.Event()

    def ask() -> None:
        while not ended.is_set():
            matrix.missing([b"never there......"])

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        for start in range(0, 400, 20):
            matrix.add(keys[start : start + 20], rows[start : start + 20])
    finally:
        ended.set()
        asking.join()
    assert matrix.rows(keys).tolist() == rows.tolist()


def test_a_full_disk_is_said_and_earlier_rows_stay(tmp_path, monkeypatch):
    matrix = KeyedMatrix(tmp_path / "m", 4, np.float32)
    matrix.add(KEYS[:1], ROWS[:1])

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(TaggerError, match="disk is full") as caught:
        matrix.add(KEYS[1:], ROWS[1:])
    assert "Free some space" in caught.value.hint
    monkeypatch.undo()
    for found in (matrix, KeyedMatrix(tmp_path / "m", 4, np.float32)):
        assert found.missing(KEYS) == KEYS[1:]
        assert found.rows(KEYS[:1]).tolist() == ROWS[:1].tolist()
    matrix.add(KEYS, ROWS)
    assert matrix.rows(KEYS).tolist() == ROWS.tolist()
