"""Where an app of ours can be reached: its socket, its address, its first words, its end."""

from __future__ import annotations

import socket
import sys
from types import FrameType

from modelry.core.errors import Unavailable


def listen(host: str, port: int) -> socket.socket:
    """Open a socket at an address; port 0 takes a free one. Raises `Unavailable`."""
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        msg = f"the server cannot listen at {host}:{port} ({error.strerror}); choose another --port"
        raise Unavailable(msg) from error
    listening.listen(2048)
    listening.set_inheritable(True)
    return listening


def address_of(host: str, listening: socket.socket) -> str:
    """Answer the address of a socket as people write it."""
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{listening.getsockname()[1]}"


def say(line: str) -> None:
    """Say something on standard error, at once."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def over(number: int, frame: FrameType | None) -> None:
    """End as asked, for a signal: that is no failure."""
    del number, frame
    sys.exit(0)
