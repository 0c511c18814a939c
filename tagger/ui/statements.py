"""How a statement is read, shown so that it can be checked and changed; and what an import did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from tagger.services.importing import Upload, preview
from tagger.storage.transactions import Batch
from tagger.transactions.detection import ReadOptions
from tagger.transactions.readers import Preview
from tagger.ui import widgets

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


@dataclass(frozen=True)
class ChosenBatch:
    id: str
    n_added: int


def mapping(name: str, content: bytes, *, key: str) -> Upload:
    """One file: the guessed columns, each of which can be changed, and its first rows as they will be read."""
    guessed = preview(name, content, ReadOptions())
    st.markdown(f"**{widgets.escape(name)}**")
    account = st.text_input(
        "Account",
        value=Path(name).stem if guessed.layout.account_column is None else "",
        key=f"{key}:account",
        help="Keeps equal rows of two accounts apart. Used where the file names no account.",
    )
    with st.expander("Columns and signs"):
        options = _options(guessed, key=key)
        shown = preview(name, content, options)
        st.caption(widgets.escape(" ".join(shown.layout.explanations)))
    for note in shown.notes:
        st.warning(widgets.escape(note), icon=":material/info:")
    _parsed(shown, key=key)
    return Upload(name, content, options, account)


def _options(guessed: Preview, *, key: str) -> ReadOptions:
    columns = [NONE, *guessed.layout.columns]
    chosen: dict[str, Any] = {}
    places = st.columns(4)
    for position, (role, title) in enumerate(ROLES.items()):
        found = getattr(guessed.layout, role)
        picked = places[position % 4].selectbox(
            title, columns, index=columns.index(found) if found in columns else 0, key=f"{key}:{role}"
        )
        if picked != (found or NONE):
            chosen[role] = "" if picked == NONE else picked
    separator = places[0].text_input("Tags are separated by", value="|", key=f"{key}:separator")
    invert = places[1].toggle("Spending is written as positive", key=f"{key}:invert")
    return ReadOptions(**chosen, labels_separator=separator or "|", invert_amounts=invert)


def _parsed(shown: Preview, *, key: str) -> None:
    frame = {
        "Line": [each.line for each in shown.transactions],
        "Date": [each.occurred_on for each in shown.transactions],
        "Description": [each.description[:200] for each in shown.transactions],
        "Amount": [
            widgets.money(None if each.amount is None else format(each.amount, "f"), each.currency)
            for each in shown.transactions
        ],
        "Tags": [list(each.labels or ()) for each in shown.transactions],
    }
    st.dataframe(
        frame,
        hide_index=True,
        key=f"{key}:parsed",
        column_config={
            "Amount": st.column_config.TextColumn(alignment="right"),
            "Tags": st.column_config.ListColumn(),
        },
    )
    if shown.errors:
        _errors([vars_of(error) for error in shown.errors], len(shown.errors), key=f"{key}:preview_errors")


def report(result: Mapping[str, Any] | None) -> None:
    """What an import did, file by file: every row is accounted for."""
    for position, file in enumerate((result or {}).get("files", ())):
        with st.container(border=True):
            st.markdown(
                f"**{widgets.escape(file['file'])}** · {file['rows']:,} rows: {file['added']:,} added, "
                f"{file['duplicates']:,} already here, {file['skipped']:,} not transactions, "
                f"{len(file['errors']):,} with errors"
            )
            if file["judged"]:
                st.caption(f"{file['judged']:,} rows came with tags and count as reviewed.")
            if file["conflicts"]:
                st.caption(f"{file['conflicts']:,} rows had been reviewed here before; your decisions were kept.")
            for note in file.get("notes", ()):
                st.caption(widgets.escape(note))
            if file["errors"]:
                _errors(file["errors"], len(file["errors"]), key=f"errors{position}")


def batch_list(batches: Sequence[Batch]) -> ChosenBatch | None:
    """All imports, one of which can be chosen."""
    frame = {
        "When (UTC)": [batch.created_at for batch in batches],
        "Files": [", ".join(file["file"] for file in batch.report.get("files", ())) for batch in batches],
        "Added": [_added(batch) for batch in batches],
        "By": [batch.author for batch in batches],
    }
    picked = st.dataframe(
        frame,
        hide_index=True,
        key="batches",
        on_select="rerun",
        selection_mode="single-row",
        column_config={"When (UTC)": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm")},
    )
    rows = picked.selection.rows
    return ChosenBatch(batches[rows[0]].id, _added(batches[rows[0]])) if rows else None


def vars_of(error: Any) -> dict[str, Any]:
    return {"line": error.line, "column": error.column, "value": error.value, "message": error.message}


def _errors(errors: Sequence[Mapping[str, Any]], n_errors: int, *, key: str) -> None:
    st.markdown(f"{n_errors:,} rows could not be read. The good rows go in.")
    frame = {
        "Line": [error["line"] for error in errors],
        "Column": [error["column"] for error in errors],
        "Value": [str(error["value"])[:200] for error in errors],
        "Why": [error["message"] for error in errors],
    }
    st.dataframe(frame, hide_index=True, key=key)


def _added(batch: Batch) -> int:
    return sum(int(file["added"]) for file in batch.report.get("files", ()))
