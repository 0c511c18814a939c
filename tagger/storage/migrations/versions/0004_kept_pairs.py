"""Pairs of labels that nearly say the same and are both meant."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "kept_pairs",
        sa.Column("seq", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("lower_id", sa.Integer(), nullable=False),
        sa.Column("higher_id", sa.Integer(), nullable=False),
        sa.Column("is_kept", sa.Boolean(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_kept_pairs")),
    )


def downgrade() -> None:
    op.drop_table("kept_pairs")
