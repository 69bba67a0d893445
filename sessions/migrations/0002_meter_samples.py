"""The partitioned table of meter samples and the sequence of OCPP 1.6 transaction ids.

The sequence ends where a signed 32-bit integer does, which is all that many stations can keep.
"""

from django.db import migrations

FORWARD = """
CREATE SEQUENCE charging_sessions_transaction_id_seq AS integer MINVALUE 1 MAXVALUE 2147483647;
CREATE TABLE charging_sessions_metersample (
    station_id bigint NOT NULL,
    evse_number smallint NOT NULL CHECK (evse_number >= 0),
    sampled_at timestamptz NOT NULL,
    context varchar(24) NOT NULL,
    session_id bigint,
    transaction_ref varchar(36),
    received_at timestamptz NOT NULL,
    energy_wh numeric(14, 3),
    power_w double precision,
    current_l1_a double precision,
    current_l2_a double precision,
    current_l3_a double precision,
    voltage_l1_v double precision,
    voltage_l2_v double precision,
    voltage_l3_v double precision,
    offered_a double precision,
    offered_w double precision,
    soc_percent double precision,
    temperature_c double precision,
    extra jsonb,
    flags varchar(40)[],
    PRIMARY KEY (station_id, evse_number, sampled_at, context)
) PARTITION BY RANGE (sampled_at);
CREATE TABLE charging_sessions_metersample_default PARTITION OF charging_sessions_metersample DEFAULT;
CREATE INDEX charging_sessions_metersample_by_session
    ON charging_sessions_metersample (session_id, sampled_at DESC) WHERE session_id IS NOT NULL;
"""

BACKWARD = """
DROP TABLE charging_sessions_metersample;
DROP SEQUENCE charging_sessions_transaction_id_seq;
"""


class Migration(migrations.Migration):
    dependencies = [("charging_sessions", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
