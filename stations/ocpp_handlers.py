"""Answers to what a station says of itself: connecting, booting, being alive, its connectors' status."""

from collections.abc import Sequence

from stations import connecting, registration, status
from stations.ocpp.dispatch import Received, answers
from stations.ocpp.messages import (
    EMPTY,
    BootNotification,
    ConnectionClosed,
    ConnectionOpened,
    ConnectionReply,
    ConnectionSeen,
    DataTransfer,
    DataTransferReply,
    Heartbeat,
    HeartbeatReply,
    Reply,
    StationLookup,
    StatusNotification,
)


@answers(StationLookup, lane="decisions")
def look_up_stations(batch: Sequence[Received[StationLookup]]) -> Sequence[Reply]:
    """Known stations get their record; unknown ones are onboarded where the project does that."""
    records = registration.station_records([received.message.identity for received in batch])
    replies = []
    for received in batch:
        identity = received.message.identity
        if identity.upper() not in records and (record := registration.onboard(identity)):
            records[identity.upper()] = record
        replies.append(records.get(identity.upper()))
    return replies


@answers(ConnectionOpened)
def open_connections(batch: Sequence[Received[ConnectionOpened]]) -> Sequence[Reply]:
    """The connection is in the history, and its number is the fencing token."""
    return [ConnectionReply(token) for token in connecting.open_connections(batch)]


@answers(ConnectionClosed)
def close_connections(batch: Sequence[Received[ConnectionClosed]]) -> Sequence[Reply]:
    """The connection has its end."""
    connecting.close_connections(batch)
    return [EMPTY] * len(batch)


@answers(ConnectionSeen)
def note_seen(batch: Sequence[Received[ConnectionSeen]]) -> Sequence[Reply]:
    """The stations were alive."""
    connecting.note_seen(batch)
    return [EMPTY] * len(batch)


@answers(BootNotification)
def record_boots(batch: Sequence[Received[BootNotification]]) -> Sequence[Reply]:
    """The boot is in the history before it is answered (OCPP 1.6 §4.2, 2.0.1 B01)."""
    return registration.record_boots(batch)


@answers(Heartbeat)
def answer_heartbeats(batch: Sequence[Received[Heartbeat]]) -> Sequence[Reply]:
    """The station gets our clock; that it is alive is noted with all sockets, off this path."""
    return [HeartbeatReply(received.received_at) for received in batch]


@answers(StatusNotification)
def record_statuses(batch: Sequence[Received[StatusNotification]]) -> Sequence[Reply]:
    """The status history holds the change (OCPP 1.6 §4.9, 2.0.1 G01)."""
    status.record_statuses(
        [
            status.StatusReport(
                station_id=received.station.id,
                evse_number=received.message.evse_number,
                connector_number=received.message.connector_number or 1,
                status=received.message.status,
                reported_at=received.message.occurred_at,
                received_at=received.received_at,
                error_code="" if received.message.error_code == "NoError" else received.message.error_code,
                info=received.message.info,
                vendor_error_code=received.message.vendor_error_code,
            )
            for received in batch
        ]
    )
    return [EMPTY] * len(batch)


@answers(DataTransfer)
def refuse_data_transfers(batch: Sequence[Received[DataTransfer]]) -> Sequence[Reply]:
    """No vendor's own messages are known; they are in the frame log for whoever wants to read them."""
    return [DataTransferReply("unknown_vendor_id") for _ in batch]
