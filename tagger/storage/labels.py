"""The label set in the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, exists, insert, select, update

from tagger.errors import LabelError
from tagger.labels.labelset import Label, clean_name, fold_name, next_color
from tagger.storage import schema
from tagger.storage.database import inserted_id


def all_labels(connection: Connection) -> list[Label]:
    """Every label in the order of its birth, archived and merged ones too."""
    rows = connection.execute(select(schema.labels).order_by(schema.labels.c.id)).mappings()
    return [
        Label(
            id=row["id"],
            name=row["name"],
            color=row["color"],
            definition=row["definition"],
            origin=row["origin"],
            archived=row["archived_at"] is not None,
            merged_into=row["merged_into"],
        )
        for row in rows
    ]


def live_labels(connection: Connection) -> list[Label]:
    """The labels in use, in column order."""
    return [label for label in all_labels(connection) if not label.archived and label.merged_into is None]


def ensure_labels(
    connection: Connection,
    names: Sequence[str],
    *,
    at: datetime,
    origin: str,
    batch_id: str | None = None,
    looks: Mapping[str, tuple[str, str]] | None = None,
) -> dict[str, int]:
    """Label id for each name, creating what is missing. A merged label's name leads to its target.

    `looks` gives a new label of that name its colour and definition.

    Raises
    ------
    LabelError
        If a name cannot be used, or belongs to an archived label.
    """
    known = {fold_name(label.name): label for label in all_labels(connection)}
    used = [label.color for label in known.values()]
    found: dict[str, int] = {}
    for name in names:
        cleaned = clean_name(name)
        label = known.get(fold_name(cleaned))
        if label is None:
            color, definition = (looks or {}).get(cleaned) or (next_color(used), "")
            created = connection.execute(
                insert(schema.labels).values(
                    name=cleaned,
                    folded_name=fold_name(cleaned),
                    color=color,
                    definition=definition,
                    origin=origin,
                    batch_id=batch_id,
                    created_at=at,
                )
            )
            label = Label(id=inserted_id(created), name=cleaned, color=color)
            known[fold_name(cleaned)] = label
            used.append(color)
        elif label.archived:
            raise LabelError(
                f"The label {label.name!r} is archived.",
                hint=f"Restore it first: tagger labels restore {label.name!r}.",
            )
        found[name] = label.merged_into or label.id
    return found


def rename_label(connection: Connection, label_id: int, name: str) -> None:
    """Give a label another name; its verdicts stay.

    Raises
    ------
    LabelError
        If another label has that name.
    """
    cleaned = clean_name(name)
    owner = connection.execute(
        select(schema.labels.c.id, schema.labels.c.name).where(schema.labels.c.folded_name == fold_name(cleaned))
    ).first()
    if owner is not None and owner[0] != label_id:
        raise LabelError(
            f"There is a label {owner[1]!r} already.", hint="Merge the two instead, or choose another name."
        )
    connection.execute(
        update(schema.labels).where(schema.labels.c.id == label_id).values(name=cleaned, folded_name=fold_name(cleaned))
    )


def merge_labels(connection: Connection, source_id: int, target_id: int) -> None:
    """Let every verdict of one label count for another; nothing is rewritten.

    Raises
    ------
    LabelError
        If the two are the same.
    """
    if source_id == target_id:
        raise LabelError("A label cannot be merged into itself.", hint="Name two different labels.")
    connection.execute(
        update(schema.labels)
        .where((schema.labels.c.id == source_id) | (schema.labels.c.merged_into == source_id))
        .values(merged_into=target_id)
    )


def set_archived(connection: Connection, label_id: int, at: datetime | None) -> None:
    """Take a label out of use, or (with None) back into it; its verdicts stay."""
    connection.execute(update(schema.labels).where(schema.labels.c.id == label_id).values(archived_at=at))


def keep_pair(connection: Connection, label_ids: tuple[int, int], *, is_kept: bool, author: str, at: datetime) -> None:
    """Note whether two labels that nearly say the same are both meant; what was said of them last counts."""
    lower, higher = sorted(label_ids)
    connection.execute(
        insert(schema.kept_pairs).values(lower_id=lower, higher_id=higher, is_kept=is_kept, author=author, at=at)
    )


def kept_pairs(connection: Connection) -> set[tuple[int, int]]:
    """The pairs of labels that are both meant, the lower id first."""
    table = schema.kept_pairs
    rows = connection.execute(select(table.c.lower_id, table.c.higher_id, table.c.is_kept).order_by(table.c.seq))
    newest = {(lower, higher): is_kept for lower, higher, is_kept in rows}
    return {pair for pair, is_kept in newest.items() if is_kept}


def drop_unused_labels(connection: Connection, *, batch_id: str | None = None, origin: str | None = None) -> None:
    """Remove the labels of a removed import, or of one origin, that no judgement ever touched."""
    labels = schema.labels
    judged = exists().where(schema.judgements.c.label_id == labels.c.id)
    condition = ~judged & labels.c.merged_into.is_(None)
    if batch_id is not None:
        condition &= labels.c.batch_id == batch_id
    if origin is not None:
        condition &= labels.c.origin == origin
    candidates = [row[0] for row in connection.execute(select(labels.c.id).where(condition))]
    if not candidates:
        return
    confirmed: set[int] = set()
    used_sets = select(schema.judgements.c.label_set_id).where(schema.judgements.c.label_set_id.is_not(None))
    for (members,) in connection.execute(
        select(schema.label_sets.c.members).where(schema.label_sets.c.id.in_(used_sets))
    ):
        confirmed.update(int(part) for part in members.split(",") if part)
    targets = {row[0] for row in connection.execute(select(labels.c.merged_into).distinct())}
    unused = [label_id for label_id in candidates if label_id not in confirmed and label_id not in targets]
    connection.execute(delete(labels).where(labels.c.id.in_(unused)))


def label_set_id(connection: Connection, label_ids: Sequence[int]) -> int:
    """The id of that version of the label set, stored when it is new."""
    members = ",".join(str(label_id) for label_id in sorted(label_ids))
    known = connection.execute(select(schema.label_sets.c.id).where(schema.label_sets.c.members == members)).scalar()
    if known is None:
        known = inserted_id(connection.execute(insert(schema.label_sets).values(members=members)))
    return int(known)
