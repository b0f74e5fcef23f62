from .address import Address
from .customer import Customer, CustomerType

__all__ = ["Address", "Customer", "CustomerType"]
