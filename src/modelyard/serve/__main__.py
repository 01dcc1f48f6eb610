"""The child process of ``Server``: settings on stdin, one line on stdout, then it serves.

It ends when stdin does, for then its parent is gone.
"""

from __future__ import annotations

import os
import signal
import sys
import threading

import msgspec

from modelyard.errors import ModelyardError
from modelyard.serve.server import run
from modelyard.serve.settings import ServeSettings


def main() -> int:
    """Serve as a child; the exit code is 1 if it did not start."""
    settings = msgspec.json.decode(sys.stdin.buffer.readline(), type=ServeSettings)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        run(settings, ready=lambda url: _say({"url": url}))
    except ModelyardError as e:
        _say({"code": e.code, "message": e.message, "hint": e.hint})
        return 1
    return 0


def _say(answer: dict[str, str]) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
    sys.stdout.flush()


def _end_with_parent() -> None:
    # Unbuffered, or the interpreter could not end while this thread holds the buffer's lock.
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
