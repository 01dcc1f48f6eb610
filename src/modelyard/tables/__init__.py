"""Any table in: pandas, polars, Arrow and numpy become a Table, and back again.

The only importer of narwhals; it infers input contracts from samples.
"""

from modelyard.tables.frame import Frame
from modelyard.tables.read import read_frame

__all__ = ["Frame", "read_frame"]
