"""What is known of models: options, registry, relations, tables, schema."""
