"""A delivery is never taken back, and documents issued before documents were mailed are not mailed."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION billing_keep_delivery() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.state IN ('sent', 'withheld')
        OR (OLD.invoice_id, OLD.channel, OLD.address, OLD.key, OLD.asked_by_id, OLD.created_at)
        IS DISTINCT FROM (NEW.invoice_id, NEW.channel, NEW.address, NEW.key, NEW.asked_by_id, NEW.created_at)
    THEN
        RAISE EXCEPTION 'What was delivered, and where to, is written once and never changed'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER invoicedelivery_kept BEFORE UPDATE OR DELETE ON billing_invoicedelivery
    FOR EACH ROW EXECUTE FUNCTION billing_keep_delivery();

INSERT INTO billing_invoicedelivery
    (invoice_id, channel, address, key, state, attempts, created_at, due_at, error)
SELECT id, 'email', '', 'email:' || id, 'withheld', 0, now(), now(), ''
FROM billing_invoice WHERE account_id IS NOT NULL AND issued_at > now() - interval '8 days'
ON CONFLICT DO NOTHING;
"""

BACKWARD = """
DROP TRIGGER invoicedelivery_kept ON billing_invoicedelivery;
DROP FUNCTION billing_keep_delivery();
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0014_invoice_deliveries")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
