"""Models as data: options, registry, relations, tables, schema."""
