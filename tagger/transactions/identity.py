"""What makes a transaction the same one when it is read again."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal

from tagger.transactions.transaction import Transaction

_ID = re.compile(r"[0-9a-f]{32}")


def transaction_ids(transactions: Iterable[Transaction], file_hash: str) -> list[str]:
    """Give every transaction of one file its id.

    Account, date, amount, currency, description and the occurrence number within the file make the id, so two
    equal purchases on one day stay two and reading the file again gives the same ids. A row without a date is told
    apart by the file and its line. A row that an export of this app gave an id keeps it.

    Parameters
    ----------
    transactions : in file order
    file_hash : hex digest of the file's bytes

    Returns
    -------
    One id of 32 hexadecimal digits per transaction, no two alike.
    """
    seen: Counter[tuple[str, ...]] = Counter()
    taken: set[str] = set()
    ids = []
    for transaction in transactions:
        known = transaction.known_id
        if known is not None and known not in taken and _ID.fullmatch(known):
            found = known
        else:
            fields = _fields(transaction, file_hash)
            while True:
                seen[fields] += 1
                found = _digest((*fields, str(seen[fields])))
                if found not in taken:
                    break
        taken.add(found)
        ids.append(found)
    return ids


def canonical_amount(amount: Decimal | None) -> str:
    """Write an amount so that equal amounts are written alike: -12.50 as -12.5, -0 as 0."""
    if amount is None:
        return ""
    text = format(amount, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def _fields(transaction: Transaction, file_hash: str) -> tuple[str, ...]:
    if transaction.occurred_on is None:
        return ("undated", transaction.account, file_hash, str(transaction.line))
    return (
        "dated",
        transaction.account,
        transaction.occurred_on.isoformat(),
        canonical_amount(transaction.amount),
        transaction.currency,
        transaction.description,
    )


def _digest(fields: tuple[str, ...]) -> str:
    # Lengths before the fields: no text inside one field can imitate the border to the next.
    text = "".join(f"{len(field)}:{field}" for field in fields)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
