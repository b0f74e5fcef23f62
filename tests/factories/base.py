"""factory-boy's declarations, which bring no types of their own."""

from __future__ import annotations

from typing import Any

from factory import declarations

LazyAttribute: Any = declarations.LazyAttribute
LazyFunction: Any = declarations.LazyFunction
Sequence: Any = declarations.Sequence
SubFactory: Any = declarations.SubFactory
