"""From a description to an SQLAlchemy statement. Nothing runs here."""
