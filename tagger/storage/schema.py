"""The tables. What people did is append-only; what can be derived from it lies in files and can be rebuilt.

Only portable column types are used, so that the same schema serves PostgreSQL.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Date,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# One row per kind of data; its value grows with every write, in any process. Caches are keyed by it.
revisions = Table(
    "revisions",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", Integer, nullable=False),
)

# store_id tells whether a bundle's label ids are ours.
facts = Table(
    "facts",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", Text, nullable=False),
)

batches = Table(
    "batches",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("created_at", DateTime, nullable=False),
    Column("author", Text, nullable=False),
    Column("is_sample", Boolean, nullable=False),
    Column("report", JSON, nullable=False),
)

transactions = Table(
    "transactions",
    metadata,
    Column("pk", Integer, primary_key=True, autoincrement=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("batch_id", ForeignKey("batches.id"), nullable=False, index=True),
    Column("file_name", Text, nullable=False),
    Column("line", Integer, nullable=False),
    Column("occurred_on", Date),
    Column("description", Text, nullable=False),
    Column("amount", String(40)),  # canonical decimal text: SQLite has no exact number
    Column("currency", String(8), nullable=False),
    Column("account", Text, nullable=False),
)

labels = Table(
    "labels",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("name", Text, nullable=False),
    Column("folded_name", Text, nullable=False, unique=True),
    Column("color", String(16), nullable=False),
    Column("definition", Text, nullable=False),
    Column("origin", String(16), nullable=False),  # person, file, starter
    Column("batch_id", ForeignKey("batches.id")),  # the import that brought it; gone with it if nobody else used it
    Column("created_at", DateTime, nullable=False),
    Column("archived_at", DateTime),
    Column("merged_into", ForeignKey("labels.id")),
    sqlite_autoincrement=True,  # else SQLite gives a removed label's id to the next one, and old runs would mistake it
)

# Two labels that nearly say the same: whether both are meant. The newest row of a pair counts. No foreign keys: a label
# that nobody used may be removed, and its id is never given again.
kept_pairs = Table(
    "kept_pairs",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("lower_id", Integer, nullable=False),
    Column("higher_id", Integer, nullable=False),
    Column("is_kept", Boolean, nullable=False),
    Column("author", Text, nullable=False),
    Column("at", DateTime, nullable=False),
)

# A version of the label set: which labels a confirmation covers. Labels born later are not judged by it.
label_sets = Table(
    "label_sets",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("members", Text, nullable=False, unique=True),  # ascending ids joined by commas
)

# What a person (or an import in their name) did in one step. The id comes from the caller, so that sending
# it twice is harmless. An undo is an operation that names its target.
operations = Table(
    "operations",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("kind", String(16), nullable=False),  # verdict, confirm, import, undo
    Column("author", Text, nullable=False),
    Column("at", DateTime, nullable=False),
    Column("reason", String(16), nullable=False),  # why the row was judged: review, queue, audit, import, command
    Column("batch_id", ForeignKey("batches.id"), index=True),
    Column("target_seq", ForeignKey("operations.seq"), index=True),
)

# Either a confirmation (label_set_id and present) or a single verdict (label_id and value).
judgements = Table(
    "judgements",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("operation_seq", ForeignKey("operations.seq"), nullable=False, index=True),
    Column("transaction_pk", ForeignKey("transactions.pk"), nullable=False, index=True),
    Column("label_set_id", ForeignKey("label_sets.id")),
    Column("present", Text),  # ascending label ids joined by commas; "" = seen, no tag applies
    Column("label_id", ForeignKey("labels.id")),
    Column("value", SmallInteger),  # 1 yes, 0 no, NULL with a label_id: back to not judged
)

runs = Table(
    "runs",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("created_at", DateTime, nullable=False),
    Column("author", Text, nullable=False),
    Column("uses_sample", Boolean, nullable=False),
    Column("summary", JSON, nullable=False),
    Column("discarded_at", DateTime),
)

threshold_versions = Table(
    "threshold_versions",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("run_id", String(64), nullable=False, index=True),
    Column("created_at", DateTime, nullable=False),
    Column("author", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("thresholds", JSON, nullable=False),  # in the order of the run's labels
    Column("metrics", JSON(none_as_null=True)),  # what they scored when they were saved
    Column("goals", JSON(none_as_null=True)),  # by label id as text: what each was chosen for, such as "f1"
)

# What a person wrote about a run. The newest note is shown; the older ones stay.
run_notes = Table(
    "run_notes",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("run_id", String(64), nullable=False, index=True),
    Column("text", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("at", DateTime, nullable=False),
)

# What tags transactions: each row a new choice, or a return to the earlier one whose seq is in `returns_to` (0: to the
# starter, before the first choice). Never updated: its history is how one rolls back.
current_runs = Table(
    "current_runs",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("run_id", String(64), nullable=False),
    Column("threshold_version_id", ForeignKey("threshold_versions.id")),
    Column("author", Text, nullable=False),
    Column("at", DateTime, nullable=False),
    Column("returns_to", Integer),
)

# Thresholds that were dragged but not saved, and goals given since; they survive a reload. By label id.
drafts = Table(
    "drafts",
    metadata,
    Column("author", Text, primary_key=True),
    Column("run_id", String(64), primary_key=True),
    Column("thresholds", JSON, nullable=False),
    Column("goals", JSON),
)

# What was done at the sliders, by an id that the caller chose, so that sending it twice is harmless.
threshold_steps = Table(
    "threshold_steps",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("at", DateTime, nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("state", String(16), nullable=False),  # running, done, failed, cancelled, interrupted
    Column("owner", Text, nullable=False),  # host:pid:token
    Column("started_at", DateTime, nullable=False),
    Column("heartbeat_at", Float, nullable=False),  # seconds since the epoch
    Column("finished_at", DateTime),
    Column("done", Integer, nullable=False),
    Column("total", Integer, nullable=False),
    Column("message", Text, nullable=False),
    Column("cancel_requested", Boolean, nullable=False),
    Column("result", JSON),
    Column("error", JSON),
)

# At most one running job: whoever inserts the row first holds the lease.
leases = Table(
    "leases",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("job_id", ForeignKey("jobs.id"), nullable=False),
)

Index("ix_threshold_versions_run_created", threshold_versions.c.run_id, threshold_versions.c.created_at)
