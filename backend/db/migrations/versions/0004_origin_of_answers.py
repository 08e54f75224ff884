"""What a question went with, and the citations of its answer, beside the log of events, which can end earlier."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = depends_on = None

COLUMNS = (
    sa.Column("codebase", sa.String, nullable=False, server_default=""),
    sa.Column("citations", sa.JSON, nullable=False, server_default="[]"),
    sa.Column("grounding", sa.Float),
    sa.Column("notice", sa.String, nullable=False, server_default=""),
)


def upgrade() -> None:
    for column in COLUMNS:
        op.add_column("turns", column)
    op.create_table(
        "contexts",
        sa.Column("session_id", sa.String, primary_key=True),
        sa.Column("turn_id", sa.String, primary_key=True),
        sa.Column("items", sa.JSON, nullable=False),
        sa.ForeignKeyConstraint(["session_id", "turn_id"], ["turns.session_id", "turns.id"], ondelete="CASCADE"),
    )


def downgrade() -> None:
    op.drop_table("contexts")
    for column in reversed(COLUMNS):
        op.drop_column("turns", column.name)
