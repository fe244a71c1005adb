"""Features that the core does not need: one package each, built on public names, loaded only when imported."""
