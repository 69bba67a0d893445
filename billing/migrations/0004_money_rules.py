"""The rules of money that the database keeps: nothing issued or posted changes, and everything adds up."""

from django.db import migrations

IMMUTABLE = (
    "invoice", "invoiceline", "invoicevat", "invoicedocument", "billedcdr", "invoicesettlement", "journalentry",
    "journalline", "walletentry", "dunningact", "exportdownload", "vatnumbercheck",
)

FORWARD = """
CREATE FUNCTION billing_check_entry() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    checked bigint := CASE WHEN TG_TABLE_NAME = 'billing_journalentry' THEN NEW.id
        ELSE (to_jsonb(NEW) ->> 'entry_id')::bigint END;
BEGIN
    IF (SELECT count(*) FROM billing_journalline WHERE entry_id = checked) < 2 THEN
        RAISE EXCEPTION 'Journal entry % has fewer than two lines', checked USING ERRCODE = 'check_violation';
    END IF;
    IF EXISTS (SELECT FROM billing_journalline WHERE entry_id = checked GROUP BY currency HAVING sum(amount) <> 0)
    THEN
        RAISE EXCEPTION 'Journal entry % does not balance', checked USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER journal_entry_balances AFTER INSERT ON billing_journalentry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION billing_check_entry();
CREATE CONSTRAINT TRIGGER journal_line_balances AFTER INSERT ON billing_journalline
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION billing_check_entry();

CREATE FUNCTION billing_refuse_locked_month() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM billing_ledgerperiod WHERE operator_id = NEW.operator_id
        AND first_date = date_trunc('month', NEW.entry_date)::date AND locked_at IS NOT NULL)
    THEN
        RAISE EXCEPTION 'The month of % is locked', NEW.entry_date USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER journal_entry_month_open BEFORE INSERT ON billing_journalentry
    FOR EACH ROW EXECUTE FUNCTION billing_refuse_locked_month();

CREATE FUNCTION billing_check_invoice_totals() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    checked bigint := CASE WHEN TG_TABLE_NAME = 'billing_invoice' THEN NEW.id
        ELSE (to_jsonb(NEW) ->> 'invoice_id')::bigint END;
    net numeric;
    vat numeric;
    vat_base numeric;
    memo text;
BEGIN
    -- The check runs for each line at the commit; once for the last line is enough.
    memo := checked || ':' || (SELECT coalesce(max(position), 0) FROM billing_invoiceline WHERE invoice_id = checked);
    IF TG_TABLE_NAME = 'billing_invoiceline' AND current_setting('billing.invoice_checked', true) = memo THEN
        RETURN NULL;
    END IF;
    PERFORM set_config('billing.invoice_checked', memo, true);
    SELECT coalesce(sum(l.net), 0) INTO net FROM billing_invoiceline l WHERE l.invoice_id = checked;
    SELECT coalesce(sum(v.vat), 0), coalesce(sum(v.net), 0) INTO vat, vat_base
        FROM billing_invoicevat v WHERE v.invoice_id = checked;
    IF NOT EXISTS (SELECT FROM billing_invoice WHERE id = checked AND total_net = net AND total_vat = vat
        AND total_net = vat_base)
    THEN
        RAISE EXCEPTION 'The totals of invoice % are not the sums of its lines', checked
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER invoice_total_is_sum_of_lines AFTER INSERT ON billing_invoice
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION billing_check_invoice_totals();
CREATE CONSTRAINT TRIGGER invoice_line_keeps_total AFTER INSERT ON billing_invoiceline
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION billing_check_invoice_totals();
CREATE CONSTRAINT TRIGGER invoice_vat_keeps_total AFTER INSERT ON billing_invoicevat
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION billing_check_invoice_totals();
""" + "".join(
    f"""
CREATE TRIGGER {name}_immutable BEFORE UPDATE OR DELETE ON billing_{name}
    FOR EACH ROW EXECUTE FUNCTION accounts_refuse_change();
"""
    for name in IMMUTABLE
)

BACKWARD = "".join(f"DROP TRIGGER {name}_immutable ON billing_{name};\n" for name in IMMUTABLE) + """
DROP TRIGGER invoice_vat_keeps_total ON billing_invoicevat;
DROP TRIGGER invoice_line_keeps_total ON billing_invoiceline;
DROP TRIGGER invoice_total_is_sum_of_lines ON billing_invoice;
DROP FUNCTION billing_check_invoice_totals();
DROP TRIGGER journal_entry_month_open ON billing_journalentry;
DROP FUNCTION billing_refuse_locked_month();
DROP TRIGGER journal_line_balances ON billing_journalline;
DROP TRIGGER journal_entry_balances ON billing_journalentry;
DROP FUNCTION billing_check_entry();
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0003_money"), ("accounts", "0002_audit_is_immutable")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
