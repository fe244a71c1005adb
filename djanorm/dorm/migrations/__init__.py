"""Migrations: what the operations are called and hold. Nothing here changes a database."""
