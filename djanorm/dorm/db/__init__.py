"""Connections, transactions and statements. Knows no model."""
