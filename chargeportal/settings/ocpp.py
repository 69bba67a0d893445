"""How the OCPP gateway treats charging stations."""

from chargeportal.settings import environment

#: An unknown station is refused with 404, or, when this is on, let in as Pending until someone accepts it.
OCPP_ONBOARD_UNKNOWN_STATIONS = environment.flag("OCPP_ONBOARD_UNKNOWN_STATIONS")
OCPP_HEARTBEAT_INTERVAL_S = environment.number("OCPP_HEARTBEAT_INTERVAL_S", 300)
#: A longer message is answered with an error; the socket stays.
OCPP_MAX_MESSAGE_BYTES = environment.number("OCPP_MAX_MESSAGE_BYTES", 256 * 1024)
#: The server closes the socket of a message that is not even worth an answer.
OCPP_MAX_FRAME_BYTES = max(1024 * 1024, 4 * OCPP_MAX_MESSAGE_BYTES)
OCPP_PING_INTERVAL_S = environment.number("OCPP_PING_INTERVAL_S", 60)
OCPP_PING_TIMEOUT_S = environment.number("OCPP_PING_TIMEOUT_S", 60)
#: Compression saves traffic on metered modems and costs about 30 kB of memory a connection.
OCPP_PERMESSAGE_DEFLATE = environment.flag("OCPP_PERMESSAGE_DEFLATE")
#: An energy step up to this is believed even where the EVSE's power could not have given it in the
#: time. The demo is generous, so that a session typed by hand in a minute is priced and not held.
METER_PLAUSIBLE_ANYWAY_WH = environment.number(
    "METER_PLAUSIBLE_ANYWAY_WH", 100_000 if environment.flag("DEMO") else 500
)
#: A session longer than this is held for review before it is billed; 0 believes any length.
SESSION_OVERLONG_HOURS = environment.number("SESSION_OVERLONG_HOURS", 48)
