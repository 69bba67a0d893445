"""A CDR is never changed, and its totals are the sums of its lines: the database sees to both."""

from django.db import migrations

FORWARD = """
CREATE TRIGGER cdr_immutable BEFORE UPDATE OR DELETE ON billing_cdr
    FOR EACH ROW EXECUTE FUNCTION accounts_refuse_change();
CREATE TRIGGER cdr_line_immutable BEFORE UPDATE OR DELETE ON billing_cdrline
    FOR EACH ROW EXECUTE FUNCTION accounts_refuse_change();

CREATE FUNCTION billing_check_cdr_totals() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    checked bigint := CASE WHEN TG_TABLE_NAME = 'billing_cdr' THEN NEW.id ELSE (to_jsonb(NEW) ->> 'cdr_id')::bigint END;
    excl numeric;
    vat numeric;
BEGIN
    SELECT coalesce(sum(amount_excl_vat), 0), coalesce(sum(amount_vat), 0) INTO excl, vat
        FROM billing_cdrline WHERE cdr_id = checked;
    IF NOT EXISTS (
        SELECT FROM billing_cdr WHERE id = checked AND total_excl_vat = excl AND total_vat = vat
    ) THEN
        RAISE EXCEPTION 'The totals of CDR % are not the sums of its lines', checked
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER cdr_total_is_sum_of_lines AFTER INSERT ON billing_cdr
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION billing_check_cdr_totals();
CREATE CONSTRAINT TRIGGER cdr_line_keeps_total AFTER INSERT ON billing_cdrline
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION billing_check_cdr_totals();
"""

BACKWARD = """
DROP TRIGGER cdr_line_keeps_total ON billing_cdrline;
DROP TRIGGER cdr_total_is_sum_of_lines ON billing_cdr;
DROP FUNCTION billing_check_cdr_totals();
DROP TRIGGER cdr_line_immutable ON billing_cdrline;
DROP TRIGGER cdr_immutable ON billing_cdr;
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0001_initial"), ("accounts", "0002_audit_is_immutable")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
