"""What makes a transaction the same one when it is read again."""

from __future__ import annotations

import hashlib
import re
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
    seen: dict[str, int] = {}
    taken: set[str] = set()
    ids = []
    for transaction in transactions:
        found = transaction.known_id
        if found is None or found in taken or not _ID.fullmatch(found):
            text = _text(transaction, file_hash)
            times = seen.get(text, 0)
            while True:
                times += 1
                found = hashlib.sha256(f"{text}#{times}".encode("utf-8", "surrogatepass")).hexdigest()[:32]
                if found not in taken:
                    break
            seen[text] = times
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


def _text(transaction: Transaction, file_hash: str) -> str:
    # Lengths before the free texts: nothing inside one field can imitate the border to the next.
    account = transaction.account
    if transaction.occurred_on is None:
        return f"undated {len(account)}:{account} {file_hash} {transaction.line}"
    amount, currency = canonical_amount(transaction.amount), transaction.currency
    return (
        f"dated {len(account)}:{account} {transaction.occurred_on.isoformat()} {amount} "
        f"{len(currency)}:{currency} {transaction.description}"
    )
