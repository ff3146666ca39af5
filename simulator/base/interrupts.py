"""What becomes of the interrupts of a command: the first one ends its work."""

import _thread
import os
import sys
import threading
import time

#: An interrupt so many seconds after the first one ends the process, whatever it is doing.
PATIENCE_S = 10.0
#: Seconds after which an interrupt that was swallowed comes again.
AGAIN_S = 0.05


class Interrupts:
    """The first interrupt ends the work, and those that follow at once change nothing: what is left is soon put away.

    One that comes later, because it is not, ends the process there and then.
    """

    def __init__(self) -> None:
        self.first_s: float | None = None

    def __call__(self, number: int, frame: object) -> None:
        """Called with each."""
        if self.first_s is None:
            self.first_s = time.monotonic()
            raise KeyboardInterrupt
        if time.monotonic() - self.first_s > PATIENCE_S:
            os._exit(130)

    def swallowed(self, lost: "sys.UnraisableHookArgs") -> None:
        """Called with what was raised where nothing can be, as while a process forks: an interrupt comes again."""
        if lost.exc_type is not KeyboardInterrupt:
            sys.__unraisablehook__(lost)
            return
        self.first_s = None
        again = threading.Timer(AGAIN_S, _thread.interrupt_main)
        again.daemon = True
        again.start()
