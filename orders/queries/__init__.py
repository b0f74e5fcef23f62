"""What doors and upper apps may ask about orders."""

from .flow import ORDERS
from .search import find_order_ids, register_search, search, split_terms
from .steps import Step, close_obstacle, edit_obstacle, next_steps, ship_obstacle, why_here
from .tabs import ATTENTION, IN_AFTERSALES, NEEDS_ATTENTION, PARTLY_SHIPPED, tab_counts
from .timeline import TimelineEntry, register_sentence, timeline_sentences

__all__ = [
    "ATTENTION",
    "IN_AFTERSALES",
    "NEEDS_ATTENTION",
    "ORDERS",
    "PARTLY_SHIPPED",
    "Step",
    "TimelineEntry",
    "close_obstacle",
    "edit_obstacle",
    "find_order_ids",
    "next_steps",
    "register_search",
    "register_sentence",
    "search",
    "ship_obstacle",
    "split_terms",
    "tab_counts",
    "timeline_sentences",
    "why_here",
]
