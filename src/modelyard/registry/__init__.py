"""What a model is called and where it stands: names, versions, aliases, environments, verdicts.

All of it follows from one append-only, hash-chained list of events in SQLite or PostgreSQL; the
bytes of the bundles rest in a store.
"""
