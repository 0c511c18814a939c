"""The stored transactions, column by column, so that a million of them fit in memory and are looked at as arrays."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import cached_property
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from tagger.services.inputs import Distinct, Facts, distinct, group_hashes
from tagger.services.repeated import Repeated, number
from tagger.storage.transactions import LoadedRow
from tagger.transactions.merchant import group_key
from tagger.transactions.text import fold_description, normalize_text

ID_BYTES = 16
_ID = re.compile(f"[0-9a-f]{{{2 * ID_BYTES}}}")


class Ids(Sequence[str]):
    """Public ids, 16 bytes each instead of a text of 32."""

    def __init__(self, ids: NDArray[np.uint8]) -> None:
        self._bytes = ids

    @classmethod
    def of(cls, ids: Iterable[str]) -> Ids:
        return cls(np.frombuffer(bytes.fromhex("".join(ids)), dtype=np.uint8).reshape(-1, ID_BYTES))

    def __len__(self) -> int:
        return len(self._bytes)

    @overload
    def __getitem__(self, row: int) -> str: ...

    @overload
    def __getitem__(self, row: slice) -> list[str]: ...

    def __getitem__(self, row: int | slice) -> str | list[str]:
        if isinstance(row, slice):
            return [each.tobytes().hex() for each in self._bytes[row]]
        one: str = self._bytes[row].tobytes().hex()
        return one

    def __iter__(self) -> Iterator[str]:
        whole = self._bytes.tobytes().hex()
        return (whole[start : start + 2 * ID_BYTES] for start in range(0, len(whole), 2 * ID_BYTES))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ids) and np.array_equal(self._bytes, other._bytes)

    __hash__ = None  # type: ignore[assignment]  # like that of a list

    def take(self, rows: NDArray[np.integer]) -> Ids:
        """Those rows' ids, in that order."""
        return Ids(self._bytes[rows])

    @cached_property
    def _sorted(self) -> tuple[NDArray[np.uint64], NDArray[np.intp]]:
        """A number made of each id, ascending, and whose it is."""
        numbers = _mixed(self._bytes)
        order = np.argsort(numbers, kind="stable")
        return numbers[order], order

    def find(self, public_id: object) -> int:
        """The row with that id, -1 where there is none."""
        if not isinstance(public_id, str) or not _ID.fullmatch(public_id):
            return -1
        wanted = np.frombuffer(bytes.fromhex(public_id), dtype=np.uint8).reshape(1, -1)
        numbers, order = self._sorted
        number_of_it = _mixed(wanted)[0]
        first, last = (int(np.searchsorted(numbers, number_of_it, side=side)) for side in ("left", "right"))
        return next((row for row in order[first:last].tolist() if np.array_equal(self._bytes[row], wanted[0])), -1)


def _mixed(ids: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Eight bytes of each sixteen, from all of them."""
    halves = np.ascontiguousarray(ids).view(np.uint64)
    return halves[:, 0] * np.uint64(0x9E3779B97F4A7C15) + halves[:, 1]


class RowOfId(Mapping[str, int]):
    """Row by public id."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids

    def __getitem__(self, public_id: str) -> int:
        row = self._ids.find(public_id)
        if row < 0:
            raise KeyError(public_id)
        return row

    def __contains__(self, public_id: object) -> bool:
        return self._ids.find(public_id) >= 0

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)

    def __len__(self) -> int:
        return len(self._ids)


class RowOfKey(Mapping[int, int]):
    """Row by database key."""

    def __init__(self, pks: NDArray[np.int64]) -> None:
        self._pks = pks
        self._first = int(pks[0]) if pks.size else 0
        self._rows = np.full(int(pks[-1]) - self._first + 1 if pks.size else 0, -1, dtype=np.int32)
        self._rows[pks - self._first] = np.arange(pks.size, dtype=np.int32)

    def __getitem__(self, pk: int) -> int:
        if pk not in self:
            raise KeyError(pk)
        return int(self._rows[pk - self._first])

    def __contains__(self, pk: object) -> bool:
        return isinstance(pk, int) and 0 <= pk - self._first < self._rows.size and self._rows[pk - self._first] >= 0

    def __iter__(self) -> Iterator[int]:
        return iter(self._pks.tolist())

    def __len__(self) -> int:
        return self._pks.size


class Columns:
    """The stored transactions.

    Parameters
    ----------
    parts : rows as `storage.transactions.load` gives them, ascending by key.

    Attributes
    ----------
    pks : int64 (n,), database keys, ascending; `ids` are the public ones.
    days : int32 (n,), proleptic ordinals, 0 where there is no date.
    batch_ids, descriptions, amounts, currencies, accounts : each row's; amounts are decimal texts, or None.
    texts, text_index : the distinct normalised descriptions, and each row's place among them (int32).
    folds, fold_index : the same for what makes two descriptions equal (memory).
    groups, group_index : the same for what stays on one side of every split.
    """

    def __init__(self, parts: Iterable[Sequence[LoadedRow]]) -> None:
        names = ("batch", "day", "description", "amount", "currency", "account")
        places: dict[str, dict[str | None, int]] = {name: {} for name in names}
        indices: dict[str, list[NDArray[np.int32]]] = {name: [] for name in names}
        pks: list[NDArray[np.int64]] = [np.zeros(0, dtype=np.int64)]
        ids: list[str] = []
        for part in parts:
            if not part:
                continue
            pk, public_id, *rest = zip(*part, strict=True)
            pks.append(np.array(pk, dtype=np.int64))
            ids.append("".join(public_id))
            for name, values in zip(names, rest, strict=True):
                indices[name].append(number(places[name], values))
        self.pks = np.concatenate(pks)
        self.ids = Ids.of(ids)

        def column(name: str) -> Repeated[Any]:
            return Repeated(list(places[name]), np.concatenate([np.zeros(0, dtype=np.int32), *indices[name]]))

        self.batch_ids: Repeated[str] = column("batch")
        self.descriptions: Repeated[str] = column("description")
        self.amounts: Repeated[str | None] = column("amount")
        self.currencies: Repeated[str] = column("currency")
        self.accounts: Repeated[str] = column("account")
        days: Repeated[str | None] = column("day")
        ordinals = [0 if day is None else date.fromisoformat(day).toordinal() for day in days.values]
        self.days: NDArray[np.int32] = np.array(ordinals, dtype=np.int32)[days.places]
        self._texts = self.descriptions.map(normalize_text)
        self._folds = self.descriptions.map(fold_description)
        self._inputs: dict[frozenset[str], Distinct] = {}

    def __len__(self) -> int:
        return self.pks.size

    @property
    def texts(self) -> list[str]:
        return self._texts.values

    @property
    def text_index(self) -> NDArray[np.int32]:
        return self._texts.places

    @property
    def folds(self) -> list[str]:
        return self._folds.values

    @property
    def fold_index(self) -> NDArray[np.int32]:
        return self._folds.places

    @property
    def groups(self) -> list[str]:
        return self._groups.values

    @property
    def group_index(self) -> NDArray[np.int32]:
        return self._groups.places

    @cached_property
    def _groups(self) -> Repeated[str]:
        """Worked out when first asked: it takes as long as all the rest, and many screens need none of it."""
        return self.descriptions.map(group_key)

    @cached_property
    def group_hashes(self) -> NDArray[np.uint64]:
        """The hashes of `groups`, as runs keep those that they saw."""
        return group_hashes(self.groups)

    @cached_property
    def row_of(self) -> RowOfKey:
        """Row by database key."""
        return RowOfKey(self.pks)

    @cached_property
    def row_of_id(self) -> RowOfId:
        """Row by public id."""
        return RowOfId(self.ids)

    @cached_property
    def newest_first(self) -> NDArray[np.int32]:
        """Every row, newest first; rows of one day in the order in which they came; undated rows last."""
        return np.lexsort((np.arange(len(self)), -self.days.astype(np.int64))).astype(np.int32)

    @cached_property
    def largest_first(self) -> NDArray[np.int32]:
        """Every row, by the size of its amount, else as in `newest_first`; rows without an amount last."""
        sizes = np.nan_to_num(np.abs(self.facts.amounts), nan=-1.0)[self.newest_first]
        return self.newest_first[np.argsort(-sizes, kind="stable")]

    @cached_property
    def facts(self) -> Facts:
        """Every row as far as a head may look at it."""
        amounts = [np.nan if amount is None else float(amount) for amount in self.amounts.values]
        return Facts(
            texts=self._texts,
            amounts=np.array(amounts, dtype=np.float64)[self.amounts.places],
            days=self.days,
            accounts=self.accounts,
        )

    def inputs(self, context: frozenset[str] = frozenset()) -> Distinct:
        """The distinct inputs of heads that look at this context besides the text."""
        if context not in self._inputs:
            self._inputs[context] = distinct(self.facts, context)
        return self._inputs[context]
