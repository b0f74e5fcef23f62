"""Facts, told upwards: `publish` them where they become true, handle them above with `handles`."""

from .delivering import deliver_due, rerun
from .publishing import Event, event_name, forget, handles, publish, publish_many

__all__ = ["Event", "deliver_due", "event_name", "forget", "handles", "publish", "publish_many", "rerun"]
