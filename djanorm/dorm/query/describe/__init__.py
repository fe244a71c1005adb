"""From chain methods to a description of a query: names are looked up here, and nothing is compiled or run."""
