"""Settings: what they are called, where they come from, what they mean."""

from dorm.conf.settings import configure, settings
from dorm.conf.urls import parse_database_url

__all__ = ["configure", "parse_database_url", "settings"]
