"""Alembic's scripts: how the database file got its tables, one step per version."""
