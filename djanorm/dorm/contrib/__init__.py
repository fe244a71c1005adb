"""Features for which the core has no need: one room each, built on public names, loaded only when imported."""
