from __future__ import annotations

import numpy as np
import pytest

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
