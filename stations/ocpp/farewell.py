"""A process that is told to stop says goodbye to its stations before the server closes their sockets."""

import signal
import threading
from collections.abc import Awaitable, Callable
from typing import Any

Stop = Callable[[], Awaitable[None]]


def before_the_server(stop: Stop, *, loop: Any) -> None:
    """Put `stop` before the server's own handling of SIGTERM and SIGINT.

    The server closes every socket at once when it stops, so the last answers must be out by then.
    Only the main thread may handle signals; elsewhere nothing happens.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGTERM, signal.SIGINT):
        then = signal.getsignal(number)
        if callable(then) and then is not signal.default_int_handler:
            signal.signal(number, _Farewell(stop, then, loop))


class _Farewell:
    """A signal handler that stops the gateway first; a second signal does not wait."""

    def __init__(self, stop: Stop, then: Callable[[int, Any], Any], loop: Any) -> None:
        self._stop, self._then, self._loop = stop, then, loop
        self._begun = False

    def __call__(self, number: int, frame: Any) -> None:
        if self._begun:
            self._then(number, frame)
            return
        self._begun = True
        self._loop.call_soon_threadsafe(self._begin, number)

    def _begin(self, number: int) -> None:
        task = self._loop.create_task(self._stop())
        task.add_done_callback(lambda _: self._then(number, None))
