"""What the thresholds of a version scored when they were saved, and what each was chosen for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("threshold_versions", sa.Column("metrics", sa.JSON(), nullable=True))
    op.add_column("threshold_versions", sa.Column("goals", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("threshold_versions", "goals")
    op.drop_column("threshold_versions", "metrics")
