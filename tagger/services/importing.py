"""Statements in: one import is one batch, all or nothing, and can be taken back whole."""

from __future__ import annotations

import logging
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tagger.errors import CancelledError, LabelError, NotFoundError, UnreadableFileError
from tagger.labels.labelset import clean_name, fold_name
from tagger.services import labelset
from tagger.services.progress import Progress
from tagger.services.runs import discard_sample_runs
from tagger.services.store import Store, now
from tagger.services.tagging import tag_all
from tagger.storage import judgements, labels, transactions
from tagger.storage.database import Connection
from tagger.storage.judgements import Operation
from tagger.storage.transactions import Batch, TransactionRow
from tagger.transactions.identity import transaction_ids
from tagger.transactions.layout import ReadOptions
from tagger.transactions.readers import SIZE_LIMIT, read_statement
from tagger.transactions.transaction import RowError, Statement

logger = logging.getLogger(__name__)

ERRORS_KEPT = 100
SHOWN = 120  # characters of a label's name repeated in an error
SAMPLE_STATEMENTS = ("household-current.csv", "household-card.csv", "firm-business.csv")


@dataclass(frozen=True)
class Upload:
    """One file as it came, and how to read it."""

    name: str
    content: bytes
    options: ReadOptions = field(default_factory=ReadOptions)
    account: str = ""


def read_uploads(paths: Sequence[Path], options: ReadOptions, account: str) -> list[Upload]:
    """Files from disk.

    Raises
    ------
    UnreadableFileError
        If one is missing, is a folder, or is over the limit.
    """
    uploads = []
    for path in paths:
        try:
            size = path.stat().st_size
            if size > SIZE_LIMIT:
                raise UnreadableFileError(
                    f"{path.name} has {size / 2**20:.0f} MB; the limit is {SIZE_LIMIT // 2**20} MB.",
                    hint="Split the file, or export a shorter period.",
                )
            uploads.append(Upload(path.name, path.read_bytes(), options, account))
        except OSError as error:
            raise UnreadableFileError(f"{path} cannot be read: {error.strerror}.", hint="Check the path.") from error
    return uploads


def sample_uploads(store: Store) -> list[Upload]:
    """The statements that come with the program."""
    folder = store.settings.sample_path / "statements"
    return [Upload(name, (folder / name).read_bytes(), account=name.removesuffix(".csv")) for name in SAMPLE_STATEMENTS]


def import_files(
    store: Store, uploads: Sequence[Upload], progress: Progress, *, is_sample: bool = False, tag: bool = True
) -> dict[str, Any]:
    """Read statements, store what is new as one batch, record the labels they bring, and tag.

    Returns
    -------
    The report of the command line's `import`: per file rows = added + duplicates + skipped + errors.

    Raises
    ------
    TaggerError
        If a file cannot be read at all; nothing is stored then.
    CancelledError
        If someone asked to stop; nothing is left of the import.
    """
    statements = []
    for upload in uploads:
        progress.stage(f"Reading {upload.name}")
        statement = read_statement(
            upload.name,
            upload.content,
            upload.options,
            default_account=upload.account,
            progress=progress.report,
            cancelled=progress.cancelled,
        )
        for note in statement.notes:
            logger.warning("%s: %s", upload.name, note)
        statements.append(_with_usable_labels(statement))
    progress.stage("Storing")
    batch_id = uuid.uuid4().hex
    with store.db.write("transactions", "judgements", "labels") as connection:
        progress.check()
        batch = Batch(batch_id, now(), store.settings.author, is_sample, {})
        transactions.add_batch(connection, batch)
        # Whoever made the sample knows every tag of every row; a bank's file judges only the labels in it.
        names = [statement_labels(statement) for statement in statements]
        if is_sample:
            names = [list(dict.fromkeys(name for part in names for name in part))] * len(statements)
        files = [_store(store, connection, *each, batch_id) for each in zip(statements, names, strict=True)]
        report = {"batch_id": batch_id, "files": files}
        kept = [_kept(*each) for each in zip(files, uploads, statements, strict=True)]
        transactions.set_report(connection, batch_id, {"batch_id": batch_id, "files": kept})
        if any(names):
            labels.drop_unused_labels(connection, origin="starter")
        elif not labels.all_labels(connection):
            labelset.adopt_starter(store, connection)
    if tag:
        try:
            tag_all(store, progress)
        except CancelledError:
            _take_back(store, batch_id)
            raise
    return report


def import_and_file(store: Store, uploads: Sequence[Upload], progress: Progress) -> dict[str, Any]:
    """`import_files` as a job: the report lies with the batch, whose id is all that the job keeps."""
    return {"batch_id": import_files(store, uploads, progress)["batch_id"]}


def import_sample(store: Store, progress: Progress) -> dict[str, Any]:
    """Bring in the sample: three statements, the first twelve months of which are sorted already."""
    return {"batch_id": import_files(store, sample_uploads(store), progress, is_sample=True)["batch_id"]}


def undo_import(store: Store, batch_id: str) -> dict[str, Any]:
    """Take an import back: its transactions, and every judgement and label that came with it.

    Raises
    ------
    NotFoundError
        If there is no such import.
    """
    with store.db.read() as connection:
        known = {batch.id: batch for batch in transactions.batches(connection)}
    matches = [batch for key, batch in known.items() if key.startswith(batch_id)] if batch_id else []
    if len(matches) != 1:
        raise NotFoundError(f"There is no import {batch_id!r}.", hint="The Upload page lists the imports.")
    return _remove(store, matches)


def remove_sample(store: Store) -> dict[str, Any]:
    """Remove the sample whole: rows, judgements, its labels, and the runs that learned from it."""
    with store.db.read() as connection:
        sample = [batch for batch in transactions.batches(connection) if batch.is_sample]
    return _remove(store, sample)


def accounts(store: Store) -> list[str]:
    """The accounts that have rows, the one with most first."""
    return [name for name, _ in Counter(filter(None, store.view().columns.accounts)).most_common()]


def account_of_layout(store: Store, columns: Sequence[str]) -> str | None:
    """The account that was named when a file with these columns was imported last."""
    for batch in batches(store):
        for file in batch.report.get("files", ()):
            if file.get("columns") == list(columns):
                return str(file["account"])
    return None


def batches(store: Store) -> list[Batch]:
    """All imports, newest first."""
    with store.db.read() as connection:
        return transactions.batches(connection)


def statement_labels(statement: Statement) -> list[str]:
    """The distinct label names of a statement, in order of appearance."""
    names: dict[str, str] = {}
    for transaction in statement.transactions:
        for name in transaction.labels or ():
            names.setdefault(fold_name(name), name)
    return list(names.values())


def _with_usable_labels(statement: Statement) -> Statement:
    """List rows whose labels cannot be names, such as a whole sentence, as errors: the other rows go in."""
    faults: dict[str, str] = {}
    for name in statement_labels(statement):
        try:
            clean_name(name)
        except LabelError as error:
            faults[fold_name(name)] = str(error)
    if not faults:
        return statement
    good, errors = [], list(statement.errors)
    for item in statement.transactions:
        bad = next((name for name in item.labels or () if fold_name(name) in faults), None)
        if bad is None:
            good.append(item)
        else:
            column = statement.layout.labels_column or ""
            errors.append(RowError(item.line, column, bad[:SHOWN], faults[fold_name(bad)]))
    errors.sort(key=lambda error: error.line)
    return replace(statement, transactions=tuple(good), errors=tuple(errors))


def _store(
    store: Store, connection: Connection, statement: Statement, label_names: Sequence[str], batch_id: str
) -> dict[str, Any]:
    ids = transaction_ids(statement.transactions, statement.file_hash)
    known = transactions.pks_by_id(connection, ids)
    fresh: dict[str, TransactionRow] = {}
    for public_id, item in zip(ids, statement.transactions, strict=True):
        if public_id not in known and public_id not in fresh:
            fresh[public_id] = TransactionRow(
                id=public_id,
                file_name=statement.file_name,
                line=item.line,
                occurred_on=item.occurred_on,
                description=item.description,
                amount=None if item.amount is None else format(item.amount, "f"),
                currency=item.currency,
                account=item.account,
            )
    transactions.add_transactions(connection, batch_id, list(fresh.values()))
    answers = {
        public_id: item.labels
        for public_id, item in zip(ids, statement.transactions, strict=True)
        if item.labels is not None
    }
    judged, conflicts = _store_labels(store, connection, answers, label_names, batch_id)
    return {
        "file": statement.file_name,
        "format": statement.format,
        "rows": statement.n_rows,
        "added": len(fresh),
        "duplicates": len(ids) - len(fresh),
        "skipped": len(statement.skipped),
        "judged": judged,
        "conflicts": conflicts,
        "errors": [
            {"line": error.line, "column": error.column, "value": error.value, "message": error.message}
            for error in statement.errors
        ],
    }


def _store_labels(
    store: Store,
    connection: Connection,
    answers: Mapping[str, Sequence[str]],
    label_names: Sequence[str],
    batch_id: str,
) -> tuple[int, int]:
    """Confirm the labelled rows for those labels; rows that a person judged are left alone."""
    if not answers:
        return 0, 0
    # All labels of the file exist before its first verdict, so that the order of rows does not matter.
    label_ids = labels.ensure_labels(
        connection,
        label_names,
        at=now(),
        origin="file",
        batch_id=batch_id,
        looks=labelset.known_looks(store),
    )
    by_name = {fold_name(name): label_id for name, label_id in label_ids.items()}
    pks = transactions.pks_by_id(connection, list(answers))
    by_person = judgements.judged_by_people(connection, pks.values())
    present = {
        pks[public_id]: [by_name[fold_name(name)] for name in names]
        for public_id, names in answers.items()
        if pks[public_id] not in by_person
    }
    operation = Operation(uuid.uuid4().hex, "import", store.settings.author, now(), "import", batch_id)
    judgements.add_confirmations(connection, operation, present, covers=list(label_ids.values()))
    return len(present), len(answers) - len(present)


def _take_back(store: Store, batch_id: str) -> None:
    """Leave nothing of an import that was stopped while its rows were tagged.

    Raises
    ------
    CancelledError
        If a person has judged some of its rows meanwhile: then they all stay.
    """
    columns = store.view().columns
    own = [pk for pk, batch in zip(columns.pks.tolist(), columns.batch_ids, strict=True) if batch == batch_id]
    with store.db.read() as connection:
        judged = judgements.judged_by_people(connection, own)
    if judged:
        raise CancelledError(
            "Stopped while tagging.",
            hint="The rows stay, since some of them have been reviewed; their tags follow.",
        )
    undo_import(store, batch_id)


def _remove(store: Store, gone: Sequence[Batch]) -> dict[str, Any]:
    n_transactions = n_judgements = 0
    with store.db.write("transactions", "judgements", "labels", "runs") as connection:
        for batch in gone:
            removed = transactions.remove_batch(connection, batch.id)
            n_transactions += removed[0]
            n_judgements += removed[1]
            labels.drop_unused_labels(connection, batch_id=batch.id)
            transactions.forget_batch(connection, batch.id)
        discarded = discard_sample_runs(connection) if any(batch.is_sample for batch in gone) else []
        if transactions.count(connection) == 0:
            # Beside labels of a person's own they stay, for the next import would not bring them back.
            if all(label.origin == "starter" for label in labels.all_labels(connection)):
                labels.drop_unused_labels(connection, origin="starter")
        elif all(label.origin == "starter" for label in labels.all_labels(connection)):
            # What the import crowded out comes back: the store is again one that has no labels of its own.
            labelset.adopt_starter(store, connection)
    for run_id in discarded:
        store.remove_bundle(run_id)
    return {
        "removed": n_transactions,
        "judgements_removed": n_judgements,
        "batches": [batch.id for batch in gone],
        "runs_discarded": discarded,
    }


def _kept(file: dict[str, Any], upload: Upload, statement: Statement) -> dict[str, Any]:
    """A file's part of the stored report: the first errors only, since a bad file can have a million."""
    return {
        **file,
        "errors": file["errors"][:ERRORS_KEPT],
        "n_errors": len(file["errors"]),
        "notes": list(statement.notes),
        "account": upload.account,
        "columns": list(statement.layout.columns),
    }
