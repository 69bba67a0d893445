"""A web process that is told to stop answers what it has taken, and sends its stations away politely."""

import asyncio
import signal
from pathlib import Path

import orjson
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.journeys.product import run_python, running_product
from tests.ocpp.conftest import BOOT_16

pytestmark = pytest.mark.slow

STATIONS = 20
SEED = f"""
from stations.models import ChargingStation
for n in range({STATIONS}):
    ChargingStation.objects.create(identity=f"STOP-{{n:02}}", security_profile=0)
"""


async def test_sigterm_leaves_no_taken_message_unanswered(tmp_path: Path) -> None:
    with running_product(tmp_path) as product:
        run_python(product, SEED)
        product.start_web()
        running = asyncio.Event()
        stations = [
            asyncio.create_task(talk_until_closed(f"{product.ocpp_url}/STOP-{number:02}", running))
            for number in range(STATIONS)
        ]
        await asyncio.wait_for(running.wait(), 60)
        await asyncio.sleep(0.5)
        process = product.processes["web"]
        process.send_signal(signal.SIGTERM)
        codes = await asyncio.wait_for(asyncio.gather(*stations), 60)
        await asyncio.to_thread(process.wait, 20)
        assert codes == [1001] * STATIONS
        log = run_python(
            product,
            "from stations.models import OcppFrame, StationConnection\n"
            "assert not OcppFrame.objects.filter(answered_at=None).exists()\n"
            "assert not StationConnection.objects.filter(closed_at=None).exists()\n",
        )
        assert "Error" not in (log or "")


async def talk_until_closed(url: str, running: asyncio.Event) -> int | None:
    async with connect(url, subprotocols=["ocpp1.6"]) as socket:  # type: ignore[list-item]
        try:
            await socket.send(orjson.dumps([2, "boot", "BootNotification", BOOT_16]).decode())
            await socket.recv()
            running.set()
            for number in range(1_000_000):
                await socket.send(f'[2,"{number}","Heartbeat",{{}}]')
                assert orjson.loads(await socket.recv())[1] == str(number)
        except ConnectionClosed:
            pass
        return socket.close_code
