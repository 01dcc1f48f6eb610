"""Read the sales, check that they are the right ones, and lay them out by store, brand, week."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

FOLDER = Path(__file__).resolve().parent.parent / "data"
SHA256 = {
    "sales.parquet": "07f1314758f599fe921eaf312ad3eef9e2317928905a48b190650d353016b8f5",
    "stores.parquet": "b33b7a20b457e0b235f87cd7d8fe7b28bb363305a1171ab769b14ba47a33132d",
}


class WrongDataError(Exception):
    """A data file is not the one that this example was written for."""


class Panel(NamedTuple):
    """The raw table as arrays of shape (stores, brands, weeks); NaN where there is no row.

    Args:
        stores: The chain's store numbers.
        brands: The brands' names, e.g. ``Tropicana 64 oz``.
        ounces: Ounces of one carton, shape (brands,).
        first_week: The store week of index 0.
        units: Cartons sold: the outcome.
        price: Dollars a carton: planned.
        deal: 1 where the chain had an in-store deal (a coupon, say): planned.
        feat: 1 where the brand was in the chain's leaflet: planned.
    """

    stores: tuple[int, ...]
    brands: tuple[str, ...]
    ounces: NDArray[np.float64]
    first_week: int
    units: NDArray[np.float64]
    price: NDArray[np.float64]
    deal: NDArray[np.float64]
    feat: NDArray[np.float64]

    @property
    def weeks(self) -> range:
        """The store weeks that it covers."""
        return range(self.first_week, self.first_week + self.units.shape[2])


def read_sales(folder: Path = FOLDER) -> pd.DataFrame:
    """Read the raw table.

    Raises:
        WrongDataError: if a file is missing or its bytes are not the expected ones.
    """
    for name, expected in SHA256.items():
        try:
            found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        except OSError as e:
            raise WrongDataError(
                f"{name} cannot be read; see examples/retail/data/NOTICE.md"
            ) from e
        if found != expected:
            raise WrongDataError(f"{name} has sha256 {found}, expected {expected}")
    return pd.read_parquet(folder / "sales.parquet")


def lay_out(sales: pd.DataFrame) -> Panel:
    """Put every row of the raw table at its store, brand and week."""
    stores, store = np.unique(sales["store"].to_numpy(), return_inverse=True)
    brands, brand = np.unique(sales["brand"].to_numpy(), return_inverse=True)
    weeks = sales["week"].to_numpy()
    first = int(weeks.min())
    shape = (len(stores), len(brands), int(weeks.max()) - first + 1)

    def grid(column: str) -> NDArray[np.float64]:
        values = np.full(shape, np.nan)
        values[store, brand, weeks - first] = sales[column].to_numpy()
        return values

    named = sales.drop_duplicates("brand").sort_values("brand")
    return Panel(
        stores=tuple(int(s) for s in stores),
        brands=tuple(named["brand_name"].astype(str)),
        ounces=named["oz"].to_numpy(np.float64),
        first_week=first,
        units=grid("units"),
        price=grid("price"),
        deal=grid("deal"),
        feat=grid("feat"),
    )
