"""Locking a month waits for postings under way, and they for it: no entry slips into a locked month.

With a month all that came before it are locked.
"""

from django.db import migrations

#: Class of the advisory lock; the same number stands in billing/ledger/periods.py.
FORWARD = """
CREATE OR REPLACE FUNCTION billing_refuse_locked_month() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(7311, NEW.operator_id::int);
    IF EXISTS (SELECT FROM billing_ledgerperiod WHERE operator_id = NEW.operator_id
        AND first_date >= date_trunc('month', NEW.entry_date)::date AND locked_at IS NOT NULL)
    THEN
        RAISE EXCEPTION 'The month of % is locked', NEW.entry_date USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
"""

BACKWARD = FORWARD.replace(
    "    PERFORM pg_advisory_xact_lock_shared(7311, NEW.operator_id::int);\n", ""
).replace("first_date >= date_trunc", "first_date = date_trunc")


class Migration(migrations.Migration):
    dependencies = [("billing", "0007_dunning_policy")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
