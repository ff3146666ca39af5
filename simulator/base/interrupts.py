"""What becomes of the interrupts of a command: the first one ends its work."""

import os
import time

#: An interrupt so many seconds after the first one ends the process, whatever it is doing.
PATIENCE_S = 10.0


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
