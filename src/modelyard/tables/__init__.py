"""Any table in: pandas, polars, Arrow and numpy become a Table, and back again.

The only importer of narwhals; it infers input contracts from samples.
"""
