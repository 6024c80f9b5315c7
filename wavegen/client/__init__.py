"""A server of wavegen from Python: `with wavegen.connect("ws://127.0.0.1:8000") as server: ...`.

It needs no PyTorch.
"""

from .connection import Connection as Connection
from .connection import connect as connect
from .remote_stream import RemoteStream as RemoteStream

__all__ = ["Connection", "RemoteStream", "connect"]
