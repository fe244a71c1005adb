"""From a compiled statement to rows: plans, execution, hydration, prefetching, and the reading half of a queryset."""
