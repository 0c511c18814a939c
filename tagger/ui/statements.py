"""How a statement is read, shown so that it can be checked and changed; and what an import did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from tagger.errors import MissingColumnError, OneColumnError
from tagger.services import importing
from tagger.services.importing import Upload
from tagger.services.store import Store
from tagger.storage.jobs import JobRow
from tagger.storage.transactions import Batch
from tagger.transactions.dates import same_order
from tagger.transactions.layout import ReadOptions
from tagger.transactions.readers import Preview, preview
from tagger.ui import messages, widgets

NONE = "(none)"
ROLES = {
    "description_column": "Description",
    "date_column": "Date",
    "amount_column": "Amount",
    "debit_column": "Money out",
    "credit_column": "Money in",
    "account_column": "Account",
    "currency_column": "Currency",
    "labels_column": "Tags",
}
GZIP = b"\x1f\x8b"
SHOWN_AT_ONCE = 5  # imports
AS_FOUND = "as found"
DELIMITERS = {AS_FOUND: None, "commas": ",", "semicolons": ";", "tabs": "\t", "pipes": "|"}
DATE_ORDERS = {"day first": "DD/MM/YYYY", "month first": "MM/DD/YYYY", "year first": "YYYY-MM-DD"}


@dataclass(frozen=True)
class ChosenBatch:
    id: str
    n_added: int


def mapping(store: Store, name: str, content: bytes, *, key: str) -> Upload | None:
    """One file: the guessed columns, each of which can be changed, and its first rows as they will be read.

    None where it cannot be read yet: then what is asked stands beside the reason.
    """
    st.markdown(f"**{messages.escape(name)}**")
    basics = ReadOptions(delimiter=DELIMITERS[st.session_state.get(f"{key}:delimiter") or AS_FOUND])
    try:
        guessed = preview(name, content, basics)
    except MissingColumnError as error:
        messages.show(error)
        needed = st.selectbox(
            "Description", error.found, index=None, placeholder="The column to tag by", key=f"{key}:needed"
        )
        if needed is None:
            _delimiter(key=key)
            return None
        basics = replace(basics, description_column=needed)
        guessed = preview(name, content, basics)
    except OneColumnError as error:
        messages.show(error)
        _delimiter(key=key)
        return None
    account = _account(store, guessed, key=key)
    with st.expander("Columns and signs"):
        options = _options(guessed, basics, key=key)
        shown = preview(name, content, options)
        st.caption(messages.escape(" ".join(shown.layout.explanations)))
    for note in shown.notes:
        st.warning(messages.escape(note), icon=":material/info:")
    if shown.layout.dates_ambiguous:
        told = next(line for line in shown.layout.explanations if line.startswith("Dates: "))
        st.warning(
            f"{messages.escape(told)} If that is wrong, change it under “Columns and signs”.", icon=":material/event:"
        )
    is_text = bool(shown.layout.delimiter) and not content.startswith(GZIP)
    _parsed(shown, content.count(b"\n") if is_text else 0, key=key)
    return Upload(name, content, options, account)


def _account(store: Store, guessed: Preview, *, key: str) -> str:
    if guessed.layout.account_column is not None:
        return ""
    known = importing.accounts(store)
    likely = importing.account_of_layout(store, guessed.layout.columns)
    picked = st.selectbox(
        "Account",
        known,
        index=known.index(likely) if likely in known else None,
        key=f"{key}:account",
        accept_new_options=True,
        placeholder="Name the account, if you have more than one",
        help="Keeps equal rows of two accounts apart. A row is recognized as already here only in its own account.",
    )
    return picked or ""


def _delimiter(*, key: str) -> None:
    st.selectbox("Cells are separated by", list(DELIMITERS), key=f"{key}:delimiter")


def _options(guessed: Preview, basics: ReadOptions, *, key: str) -> ReadOptions:
    layout = guessed.layout
    columns = [NONE, *layout.columns]
    picked: dict[str, str] = {}
    for position, (role, title) in enumerate(ROLES.items()):
        if position % 4 == 0:
            places = st.columns(4)  # a row at a time: on a phone they stand below each other in this order
        found = getattr(layout, role)
        choice = places[position % 4].selectbox(
            title, columns, index=columns.index(found) if found in columns else 0, key=f"{key}:{role}"
        )
        picked[role] = "" if choice == NONE else choice
    chosen: dict[str, Any] = {role: name for role, name in picked.items() if name != (getattr(layout, role) or "")}
    if chosen.keys() & {"debit_column", "credit_column"} and "amount_column" not in chosen:
        # Whoever names one of the two wants both as they stand, and no single column beside them.
        chosen |= {
            "amount_column": "",
            "debit_column": picked["debit_column"],
            "credit_column": picked["credit_column"],
        }
    places = st.columns(4)
    separator = places[0].text_input("Tags are separated by", value="|", key=f"{key}:separator")
    if layout.date_column is not None and layout.date_format:
        orders = list(DATE_ORDERS)
        found = orders.index(
            next(name for name, example in DATE_ORDERS.items() if same_order(example, layout.date_format))
        )
        order = places[1].selectbox("Dates are written", orders, index=found, key=f"{key}:dates")
        if orders.index(order) != found:
            chosen["date_format"] = DATE_ORDERS[order]
    if any((layout.amount_column, layout.debit_column, layout.credit_column)):
        mark = places[2].selectbox(
            "Decimal mark", [".", ","], index=".,".index(layout.decimal_mark), key=f"{key}:decimal"
        )
        if mark != layout.decimal_mark:
            chosen["decimal_mark"] = mark
    if layout.delimiter:
        with places[3]:
            _delimiter(key=key)
    invert = st.toggle("Spending is written as positive", key=f"{key}:invert")
    return replace(basics, **chosen, labels_separator=separator or "|", invert_amounts=invert)


def _parsed(shown: Preview, n_lines: int, *, key: str) -> None:
    frame: dict[str, Sequence[Any]] = {
        "Line": [each.line for each in shown.transactions],
        "Date": [each.occurred_on for each in shown.transactions],
        "Amount": [
            widgets.money(None if each.amount is None else format(each.amount, "f"), each.currency)
            for each in shown.transactions
        ],
        "Description": [each.description[:200] for each in shown.transactions],
    }
    if shown.layout.labels_column is not None:
        frame["Tags"] = [list(each.labels or ()) for each in shown.transactions]
    st.dataframe(
        frame,
        hide_index=True,
        key=f"{key}:parsed",
        column_config={
            "Line": st.column_config.NumberColumn(width="small"),
            "Date": st.column_config.DateColumn(width="small"),
            "Amount": st.column_config.TextColumn(width="small", alignment="right"),
            "Tags": st.column_config.ListColumn(),
        },
    )
    if shown.errors:
        _errors([vars_of(error) for error in shown.errors], len(shown.errors), key=f"{key}:preview_errors")
    st.caption(f"The first rows of about {widgets.counted(n_lines, 'line')}." if n_lines else "The first rows.")


def just_imported(job: JobRow | None, batches: Sequence[Batch]) -> Batch | None:
    """What the newest job brought in, if it is an import that went well and is still here."""
    brought = (job.result or {}).get("batch_id") if job is not None and job.state == "done" else None
    return next((batch for batch in batches if batch.id == brought), None)


def report(batch: Batch) -> None:
    """What an import did, file by file: every row is accounted for."""
    for position, file in enumerate(batch.report.get("files", ())):
        with st.container(border=True):
            parts = {
                "added": file["added"],
                "already here": file["duplicates"],
                "no transactions, such as totals": file["skipped"],
                "with errors": file["n_errors"],
            }
            told = ", ".join(f"{n:,} {what}" for what, n in parts.items() if n or what == "added")
            st.markdown(f"**{messages.escape(file['file'])}** · {widgets.counted(file['rows'], 'row')}: {told}")
            if file["judged"]:
                st.caption(f"{file['judged']:,} rows came with tags and count as reviewed.")
            if file["conflicts"]:
                st.caption(f"{file['conflicts']:,} rows had been reviewed here before; your decisions were kept.")
            for note in file.get("notes", ()):
                st.caption(messages.escape(note))
            if file["errors"]:
                _errors(file["errors"], file["n_errors"], key=f"errors{position}")


def batch_list(batches: Sequence[Batch], *, disabled: bool) -> ChosenBatch | None:
    """All imports, the newest first; the one that a person wants to take back."""
    chosen = None
    rest = st.expander(f"{len(batches) - SHOWN_AT_ONCE:,} earlier ones") if len(batches) > SHOWN_AT_ONCE else None
    for position, batch in enumerate(batches):
        place = st.container() if rest is None or position < SHOWN_AT_ONCE else rest
        row = place.columns([6, 2], vertical_alignment="center")
        names = ", ".join(file["file"] for file in batch.report.get("files", ()))
        row[0].markdown(
            f"{messages.escape(names)} · {_added(batch):,} added · "
            f"{batch.created_at.day} {batch.created_at:%b %Y, %H:%M} UTC · {messages.escape(batch.author)}"
        )
        if row[1].button("Take back", key=f"back:{batch.id}", disabled=disabled, width="stretch"):
            chosen = ChosenBatch(batch.id, _added(batch))
    return chosen


def vars_of(error: Any) -> dict[str, Any]:
    return {"line": error.line, "column": error.column, "value": error.value, "message": error.message}


def _errors(errors: Sequence[Mapping[str, Any]], n_errors: int, *, key: str) -> None:
    first = "" if n_errors == len(errors) else f" The first {len(errors):,}:"
    rows = widgets.counted(n_errors, "row")
    st.warning(f"{rows} could not be read; all others can.{first}", icon=":material/warning:")
    frame = {
        "Line": [error["line"] for error in errors],
        "Column": [error["column"] for error in errors],
        "Value": [str(error["value"])[:200] for error in errors],
        "Why": [error["message"] for error in errors],
    }
    small = st.column_config.NumberColumn(width="small")
    st.dataframe(frame, hide_index=True, key=key, column_config={"Line": small})


def _added(batch: Batch) -> int:
    return sum(int(file["added"]) for file in batch.report.get("files", ()))
