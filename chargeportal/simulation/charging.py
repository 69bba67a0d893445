"""What happens at a simulated station's outlets: cars come, charge, pause and leave."""

import logging
import math
from abc import abstractmethod
from collections.abc import Iterable
from datetime import datetime, timedelta

from chargeportal.simulation.car import Car
from chargeportal.simulation.car_models import arriving_car
from chargeportal.simulation.evse import Evse, Reading, Transaction
from chargeportal.simulation.journal import Sent
from chargeportal.simulation.link import LinkError, first_of
from chargeportal.simulation.station import SimulatedStation

logger = logging.getLogger("chargeportal.simulation")

#: (seconds since the start, register in Wh, power in W)
Sample = tuple[float, float, float]
#: With less power than this the next sample comes when it comes.
_WORTH_FORESEEING_W = 100.0


class NotAuthorized(Exception):
    """The server does not let this token charge; `status` is its word."""

    def __init__(self, status: str) -> None:
        super().__init__(f"the token was answered {status}")
        self.status = status


class NotPossible(Exception):
    """The EVSE is in no state for this, such as starting without a car."""


class ChargingStation(SimulatedStation):
    """A station with drivers.

    There are two ways to charge, which may not be mixed in one transaction:

    - `charge()` lets time pass and energy flow as the car and the outlet allow;
    - `report()` and the `offset_s`/`register_wh` arguments say exactly what the station reports and
      for when, so that a test can calculate the cost by hand.

    Every method returns when the server has answered, or at once when the station is offline.
    """

    def begin(self) -> None:
        """As in every station; transactions that a loss of power cut off are reported as ended."""
        if self.memory:
            for transaction in self.memory.recall(self.evses, version=self.version):
                transaction.stop_reason, transaction.ended_at = "PowerLoss", transaction.last.sampled_at
                self.queue_ended(transaction, transaction.last, token=None)
            self.memory.save(self.evses, version=self.version)
        super().begin()

    async def end_all(self, *, reason: str) -> None:
        """No transaction runs, and the server has been told if it can be."""
        for place in self.evses.values():
            if place.transaction:
                await self.stop(place.number, reason=reason)

    async def plug_in(self, evse: int = 1, *, car: Car | None = None, at: datetime | None = None) -> None:
        """A car's cable is in."""
        place = self.evses[evse]
        if place.car is not None:
            raise NotPossible(f"a car is already plugged in at EVSE {evse}")
        arrived = car or arriving_car(self.chance, dc=self.kind == "dc")
        place.plug_in(arrived, now=at or self.clock.now())
        if place.status == "Available":
            await self.set_status(place, "Preparing", at=at)

    async def start(
        self, token: str, *, evse: int = 1, at: datetime | None = None, meter_start_wh: float | None = None,
        authorize: bool = True, remote_start_id: int | None = None,
    ) -> Transaction:  # fmt: skip
        """A transaction runs and energy may flow.

        Offline, or without `authorize`, the server is not asked first. Raises: NotAuthorized (before
        anything has happened), NotPossible.
        """
        place = self.evses[evse]
        if place.car is None or place.transaction or place.is_faulted or not place.is_operative:
            raise NotPossible(f"EVSE {evse} is {place.status}")
        if authorize and self.ready.is_set():
            await self._ask(token)
            if place.transaction or place.car is None:
                raise NotPossible(f"EVSE {evse} was taken meanwhile")
        if meter_start_wh is not None:
            place.outlet.meter.register_wh = meter_start_wh
        reading = place.read(at or self.clock.now())
        transaction = Transaction(
            evse_number=evse, id_token=token, started_at=reading.sampled_at,
            meter_start_wh=reading.energy_wh, remote_start_id=remote_start_id, last=reading,
        )  # fmt: skip
        place.transaction = transaction
        await self._answered(self.queue_started(transaction, reading))
        self._remember()
        if transaction.verdict in ("", "Accepted") and not transaction.over.is_set():
            place.outlet.close()
            await self._turn(place, "Charging", at=reading.sampled_at)
        return transaction

    async def charge(
        self, *, evse: int = 1, duration_s: float | None = None, energy_wh: float | None = None
    ) -> float:
        """Time has passed and samples have been sent; returns the transaction's energy so far in Wh.

        It ends with the duration, the energy, or the transaction, whichever comes first. A car that
        is full stays, paused, until the duration is over; without a duration that is the end too.
        """
        place, transaction = self.evses[evse], self._running(evse)
        next_at = began_at = max(self.clock.now(), transaction.last.sampled_at)
        while not transaction.over.is_set():
            left_s = math.inf if duration_s is None else duration_s - (next_at - began_at).total_seconds()
            left_wh = math.inf if energy_wh is None else energy_wh - transaction.energy_wh
            if left_s <= 0 or left_wh <= 0 or (duration_s is None and self._is_full(place)):
                break
            # a grid of times, not waits after answers: a slow server does not slow the meter down
            next_at += timedelta(seconds=self._step_s(transaction, left_s, left_wh))
            wait_s = (next_at - self.clock.now()).total_seconds()
            await self.clock.sleep(wait_s, unless=transaction.over)
            if not transaction.over.is_set():
                await self._sample(place, transaction, at=next_at)
        return transaction.energy_wh

    async def report(self, samples: Iterable[Sample], *, evse: int = 1) -> None:
        """The server has been sent exactly these samples."""
        transaction = self._running(evse)
        for offset_s, register_wh, power_w in samples:
            at = transaction.started_at + timedelta(seconds=offset_s)
            reading = Reading(sampled_at=at, energy_wh=register_wh, power_w=power_w, is_dc=self.kind == "dc")
            transaction.last, transaction.is_exact = reading, True
            await self._answered(self.queue_sample(transaction, reading))

    async def suspend(self, *, evse: int = 1, by: str = "car", offset_s: float | None = None) -> None:
        """Nothing flows, because the car (`by="car"`) or the station does not want it."""
        place, transaction = self.evses[evse], self._running(evse)
        place.outlet.open()
        status = "SuspendedEV" if by == "car" else "SuspendedEVSE"
        await self._turn(place, status, at=self._time(transaction, offset_s))

    async def resume(self, *, evse: int = 1, offset_s: float | None = None) -> None:
        """Energy flows again."""
        place, transaction = self.evses[evse], self._running(evse)
        place.outlet.close()
        await self._turn(place, "Charging", at=self._time(transaction, offset_s))

    async def stop(
        self, evse: int = 1, *, reason: str = "Local", token: str | None = None,
        offset_s: float | None = None, register_wh: float | None = None, finishing: bool = True,
    ) -> Transaction:  # fmt: skip
        """The transaction is over; the car stays plugged in. `reason` is in the words of OCPP."""
        place, transaction = self.evses[evse], self._running(evse)
        reading = self._last_reading(place, transaction, offset_s, register_wh)
        place.outlet.open()
        place.transaction, transaction.last = None, reading
        transaction.stop_reason, transaction.ended_at = reason, reading.sampled_at
        transaction.charging_state = "EVConnected"
        transaction.over.set()
        if transaction.is_exact:
            place.outlet.meter.register_wh = reading.energy_wh
        await self._answered(self.queue_ended(transaction, reading, token=token))
        self._remember()
        if place.becomes_operative is not None:
            place.is_operative, place.becomes_operative = place.becomes_operative, None
        if finishing and not place.is_faulted:
            resting = "Finishing" if place.is_operative else "Unavailable"
            await self.set_status(place, resting, at=reading.sampled_at)
        return transaction

    async def unplug(self, evse: int = 1, *, at: datetime | None = None) -> None:
        """No car is plugged in; a transaction that was running has ended with it."""
        place = self.evses[evse]
        if place.transaction:
            await self.stop(evse, reason="EVDisconnected", finishing=False)
        place.unplug()
        await self.set_status(place, place.resting_status(), at=at, error_code=place.error_code)

    async def fault(self, evse: int = 1, *, error_code: str = "OtherError", info: str = "") -> None:
        """The EVSE is out of order; a transaction has ended. `error_code` is a word of OCPP 1.6."""
        place = self.evses[evse]
        await self.set_status(place, "Faulted", error_code=error_code, info=info)
        if place.transaction:
            await self.stop(evse, reason="Other", finishing=False)

    async def clear_fault(self, evse: int = 1) -> None:
        """The EVSE works again."""
        place = self.evses[evse]
        place.error_code = "NoError"
        await self.set_status(place, place.resting_status())

    def place_for_remote_start(self, evse: int | None) -> Evse | None:
        """Return the EVSE that could serve a remote start, any free one when none is named."""
        if evse is not None:
            place = self.evses.get(evse)
            return place if place and place.can_start else None
        return next((place for place in self.evses.values() if place.can_start), None)

    async def remote_start(
        self, place: Evse, token: str, *, remote_start_id: int | None = None, authorize: bool = False
    ) -> None:
        """A transaction runs if a car is there or comes within the time for connecting."""
        try:
            if not place.plugged.is_set():
                if self.on_remote_start:
                    await self.on_remote_start(place)
                await self.clock.sleep(self.connection_timeout_s, unless=place.plugged)
            place.awaits_remote_start = False
            if not place.plugged.is_set():
                return
            transaction = await self.start(
                token, evse=place.number, authorize=authorize, remote_start_id=remote_start_id
            )
        except (NotAuthorized, NotPossible) as error:
            logger.info("%s: remote start failed: %s", self.identity, error)
            return
        finally:
            place.awaits_remote_start = False
        if self.on_transaction:
            await self.on_transaction(transaction)

    def transaction_named(self, ref: int | str) -> Transaction | None:
        """Return the running transaction with this id."""
        running = (place.transaction for place in self.evses.values())
        return next((each for each in running if each and each.ref == ref), None)

    def judge(self, transaction: Transaction, status: str) -> None:
        """The server's verdict on the token is kept; a bad one ends the transaction."""
        transaction.verdict = status
        if status != "Accepted" and not transaction.over.is_set():
            self.spawn(self._deauthorize(transaction))

    # ── What a version says ───────────────────────────────────────────────────────────────────

    @abstractmethod
    async def authorize(self, token: str) -> str:
        """Return the server's verdict on the token."""

    @abstractmethod
    def queue_started(self, transaction: Transaction, reading: Reading) -> Sent:
        """The start is in the outbox."""

    @abstractmethod
    def queue_sample(self, transaction: Transaction, reading: Reading) -> Sent:
        """The sample is in the outbox."""

    @abstractmethod
    def queue_ended(self, transaction: Transaction, reading: Reading, *, token: str | None) -> Sent:
        """The end is in the outbox."""

    def queue_charging_state(
        self, transaction: Transaction, *, at: datetime  # noqa: ARG002 - for versions that tell
    ) -> Sent | None:  # fmt: skip
        """The change of state is in the outbox, where the version reports it within transactions."""
        return None

    # ── Inside ────────────────────────────────────────────────────────────────────────────────

    def _running(self, evse: int) -> Transaction:
        transaction = self.evses[evse].transaction
        if transaction is None:
            raise NotPossible(f"no transaction runs at EVSE {evse}")
        return transaction

    async def _ask(self, token: str) -> None:
        try:
            status = await self.authorize(token)
        except LinkError as error:
            logger.info("%s: authorised locally, the server did not answer: %s", self.identity, error)
            return
        if status != "Accepted":
            raise NotAuthorized(status)

    async def _answered(self, entry: Sent) -> None:
        """Wait until the message is answered or given up, or until there is nobody to answer."""
        while not entry.is_settled and self.ready.is_set():
            await first_of(entry.settled, self.unready)

    async def _turn(self, place: Evse, status: str, *, at: datetime) -> None:
        """The running transaction is in this state, and the server has been told."""
        transaction = place.transaction
        if transaction is None:
            return
        transaction.charging_state = status
        entry = self.queue_charging_state(transaction, at=at)
        if entry:
            await self._answered(entry)
        if place.transaction is transaction:
            await self.set_status(place, status, at=at)

    async def _sample(self, place: Evse, transaction: Transaction, *, at: datetime) -> None:
        reading = place.read(at)
        transaction.last = reading
        if transaction.charging_state == "Charging" and self._is_full(place):
            await self._turn(place, "SuspendedEV", at=reading.sampled_at)
        if not transaction.over.is_set():
            await self._answered(self.queue_sample(transaction, reading))
            self._remember()

    def _remember(self) -> None:
        if self.memory:
            self.memory.save(self.evses, version=self.version)

    def _step_s(self, transaction: Transaction, left_s: float, left_wh: float) -> float:
        """Return the time to the next sample: sooner where the wanted energy is nearly reached."""
        power_w = transaction.last.power_w or 0.0
        until_enough_s = left_wh * 3600 / power_w if power_w > _WORTH_FORESEEING_W else self.sample_interval_s
        return max(0.2, min(self.sample_interval_s, left_s, until_enough_s))

    @staticmethod
    def _is_full(place: Evse) -> bool:
        return place.car is not None and not place.car.wants_energy

    def _time(self, transaction: Transaction, offset_s: float | None) -> datetime:
        if offset_s is None:
            return max(self.clock.now(), transaction.last.sampled_at)
        return transaction.started_at + timedelta(seconds=offset_s)

    def _last_reading(
        self, place: Evse, transaction: Transaction, offset_s: float | None, register_wh: float | None
    ) -> Reading:
        at = self._time(transaction, offset_s)
        if offset_s is None and register_wh is None and not transaction.is_exact:
            return place.read(at)
        transaction.is_exact = True
        last_wh = transaction.last.energy_wh
        energy_wh = last_wh if register_wh is None else register_wh
        return Reading(sampled_at=at, energy_wh=energy_wh, is_dc=self.kind == "dc")

    async def _deauthorize(self, transaction: Transaction) -> None:
        place = self.evses[transaction.evse_number]
        if place.transaction is transaction:
            await self.stop(place.number, reason="DeAuthorized")
