"""Migrations: the names and contents of the operations. Nothing here changes a database."""
