"""The ground's own pages: what runs by itself, and what went wrong with it."""

from . import alerts, audit, deliveries, jobs, messages, rules, timers, workflow

__all__ = ["alerts", "audit", "deliveries", "jobs", "messages", "rules", "timers", "workflow"]
