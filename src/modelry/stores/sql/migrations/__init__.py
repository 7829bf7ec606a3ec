"""How a schema becomes the next one; run by Alembic, through `modelry.stores.sql.schema`."""
