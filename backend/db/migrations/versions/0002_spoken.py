"""The answer as the model wrote it, beside the one that is shown with its citations."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = depends_on = None


def upgrade() -> None:
    op.add_column("turns", sa.Column("spoken", sa.JSON, nullable=False, server_default="[]"))


def downgrade() -> None:
    op.drop_column("turns", "spoken")
