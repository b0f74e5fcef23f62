from .line import OrderLine
from .order import Order, Tag
from .product import Product
from .shipment import Carrier, Shipment, ShipmentLine
from .timeline import OrderEvent

__all__ = [
    "Carrier",
    "Order",
    "OrderEvent",
    "OrderLine",
    "Product",
    "Shipment",
    "ShipmentLine",
    "Tag",
]
