"""Notes on runs, and choices of the current run that return to an earlier one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "run_notes",
        sa.Column("seq", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_run_notes")),
    )
    op.create_index(op.f("ix_run_notes_run_id"), "run_notes", ["run_id"], unique=False)
    op.add_column("current_runs", sa.Column("returns_to", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("current_runs", "returns_to")
    op.drop_index(op.f("ix_run_notes_run_id"), table_name="run_notes")
    op.drop_table("run_notes")
