"""Titles of conversations; turns that were asked again."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = depends_on = None


def upgrade() -> None:
    op.add_column("conversations", sa.Column("title", sa.String, nullable=False, server_default=""))
    op.add_column("turns", sa.Column("replaced_by", sa.String, nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("turns", "replaced_by")
    op.drop_column("conversations", "title")
