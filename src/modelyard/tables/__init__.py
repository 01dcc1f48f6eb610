"""Any table in: pandas, polars, Arrow and numpy become a Table, and back again.

The only importer of narwhals; it infers input contracts from samples.
"""

from modelyard.tables.convert import convert
from modelyard.tables.digest import content_digest
from modelyard.tables.frame import Frame
from modelyard.tables.load import load_columns, load_rows, load_table
from modelyard.tables.read import read_frame

__all__ = [
    "Frame",
    "content_digest",
    "convert",
    "load_columns",
    "load_rows",
    "load_table",
    "read_frame",
]
