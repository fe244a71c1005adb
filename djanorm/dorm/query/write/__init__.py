"""The verbs that write, and the statements they run."""
