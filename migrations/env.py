"""What alembic runs. ``app.db`` hands over its connection, inside its own transaction."""

from alembic import context

from app.tables import Base

# render_as_batch: SQLite cannot alter a column; alembic then rebuilds the table. Rebuilding drops the table's
# triggers: put them back with migrations.walls.
context.configure(
    connection=context.config.attributes["connection"], target_metadata=Base.metadata, render_as_batch=True
)
with context.begin_transaction():
    context.run_migrations()
