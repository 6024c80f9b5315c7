"""Many streams of a few models at once: slots, a queue, credits, and the thread that plays them."""

from .engine_thread import EngineThread
from .listener import Listener
from .live import Live
from .part import Part
from .playback import Moment
from .scheduler import Scheduler
from .stream import Stream

__all__ = ["EngineThread", "Listener", "Live", "Moment", "Part", "Scheduler", "Stream"]
