"""Files of orders: what marketplaces export, and our own layout in both directions. Reads no row of the database."""

from orders.records import (
    ExportedOrder,
    ImportedLine,
    ImportedOrder,
    ImportedShipment,
    Reason,
    Rejected,
)

from .catalogue import profiles
from .errors import ImportRefused
from .native_writer import csv_chunks, write_csv, write_xlsx
from .profile import Profile
from .reading import AUTO, ImportFile, read_orders
from .xlsxwriter import DoesNotFitSheet

__all__ = [
    "AUTO",
    "DoesNotFitSheet",
    "ExportedOrder",
    "ImportFile",
    "ImportRefused",
    "ImportedLine",
    "ImportedOrder",
    "ImportedShipment",
    "Profile",
    "Reason",
    "Rejected",
    "csv_chunks",
    "profiles",
    "read_orders",
    "write_csv",
    "write_xlsx",
]
