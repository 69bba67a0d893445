"""What the same load costs a server that does nothing: uvicorn and a WebSocket application that echoes.

It parses no JSON, checks nothing and stores nothing; the ratio to it tells how much of the gateway's
time is its own, on whatever machine the benchmark runs.
"""

from collections.abc import Awaitable, Callable
from typing import Any


async def application(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """Answer every frame with an empty CALLRESULT of its id."""
    if scope["type"] != "websocket":
        return
    await receive()
    await send({"type": "websocket.accept", "subprotocol": "ocpp1.6"})
    while (event := await receive())["type"] == "websocket.receive":
        message_id = event["text"].split('"', 2)[1]
        await send({"type": "websocket.send", "text": f'[3,"{message_id}",{{}}]'})
