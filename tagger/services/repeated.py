"""A column in which values repeat."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")
U = TypeVar("U")


class Repeated(Sequence[T], Generic[T]):
    """Values of which each is kept once (dictionary encoding, as in Arrow).

    Attributes
    ----------
    values : the distinct ones, in order of appearance.
    places : int32 (n,), each row's place among them.
    """

    def __init__(self, values: list[T], places: NDArray[np.int32]) -> None:
        self.values = values
        self.places = places

    @classmethod
    def of(cls, values: Sequence[T]) -> Repeated[T]:
        """Any sequence; one that is so already as it is."""
        if isinstance(values, Repeated):
            return values
        place_of: dict[T, int] = {}
        places = number(place_of, values)
        return cls(list(place_of), places)

    def __len__(self) -> int:
        return self.places.size

    @overload
    def __getitem__(self, row: int) -> T: ...

    @overload
    def __getitem__(self, row: slice) -> Repeated[T]: ...

    def __getitem__(self, row: int | slice) -> T | Repeated[T]:
        if isinstance(row, slice):
            return Repeated(self.values, self.places[row])
        value: T = self.values[int(self.places[row])]
        return value

    def __iter__(self) -> Iterator[T]:
        values = self.values
        return (values[place] for place in self.places.tolist())

    def take(self, rows: NDArray[np.intp]) -> Repeated[T]:
        """Those rows."""
        return Repeated(self.values, self.places[rows])

    def map(self, change: Callable[[T], U]) -> Repeated[U]:
        """Every value changed, each distinct one once."""
        changed = Repeated.of([change(value) for value in self.values])
        return Repeated(changed.values, changed.places[self.places])


def number(place_of: dict[T, int], values: Sequence[T]) -> NDArray[np.int32]:
    """Each value's place; new values get places behind the known ones."""
    found = (place_of.setdefault(value, len(place_of)) for value in values)
    return np.fromiter(found, dtype=np.int32, count=len(values))
