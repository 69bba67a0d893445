"""A published version of a tariff is never edited: the database refuses it."""

from django.db import migrations

PARTS = ("tariffelement", "dynamicprice")

FORWARD = """
UPDATE billing_tariff SET published_at = created_at WHERE published_at IS NULL
    AND EXISTS (SELECT FROM billing_tariffassignment WHERE tariff_id = billing_tariff.id);

CREATE FUNCTION billing_refuse_published(tariff bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM billing_tariff WHERE id = tariff AND published_at IS NOT NULL) THEN
        RAISE EXCEPTION 'Tariff % is published and is never edited: make a new version', tariff
            USING ERRCODE = 'check_violation';
    END IF;
END $$;

CREATE FUNCTION billing_keep_published_tariff() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.published_at IS NULL THEN
        RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    IF TG_OP = 'DELETE' THEN
        PERFORM billing_refuse_published(OLD.id);
        RETURN OLD;
    END IF;
    IF to_jsonb(NEW) - '{published_at,updated_at}'::text[] IS DISTINCT FROM
        to_jsonb(OLD) - '{published_at,updated_at}'::text[]
    THEN
        PERFORM billing_refuse_published(OLD.id);
    END IF;
    -- A version goes back to being a draft only when it holds nowhere and nothing was priced by it.
    IF NEW.published_at IS NULL AND (
        EXISTS (SELECT FROM billing_tariffassignment WHERE tariff_id = OLD.id)
        OR EXISTS (SELECT FROM billing_cdr WHERE tariff_id = OLD.id)
    ) THEN
        PERFORM billing_refuse_published(OLD.id);
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER tariff_published_is_kept BEFORE UPDATE OR DELETE ON billing_tariff
    FOR EACH ROW EXECUTE FUNCTION billing_keep_published_tariff();

CREATE FUNCTION billing_keep_published_part() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        PERFORM billing_refuse_published(OLD.tariff_id);
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    PERFORM billing_refuse_published(NEW.tariff_id);
    RETURN NEW;
END $$;

CREATE FUNCTION billing_keep_published_price() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        PERFORM billing_refuse_published((SELECT tariff_id FROM billing_tariffelement WHERE id = OLD.element_id));
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    PERFORM billing_refuse_published((SELECT tariff_id FROM billing_tariffelement WHERE id = NEW.element_id));
    RETURN NEW;
END $$;
CREATE TRIGGER price_of_published_is_kept BEFORE INSERT OR UPDATE OR DELETE ON billing_pricecomponent
    FOR EACH ROW EXECUTE FUNCTION billing_keep_published_price();
""" + "".join(
    f"""
CREATE TRIGGER {part}_of_published_is_kept BEFORE INSERT OR UPDATE OR DELETE ON billing_{part}
    FOR EACH ROW EXECUTE FUNCTION billing_keep_published_part();
"""
    for part in PARTS
)

BACKWARD = "".join(f"DROP TRIGGER {part}_of_published_is_kept ON billing_{part};\n" for part in PARTS) + """
DROP TRIGGER price_of_published_is_kept ON billing_pricecomponent;
DROP FUNCTION billing_keep_published_price();
DROP FUNCTION billing_keep_published_part();
DROP TRIGGER tariff_published_is_kept ON billing_tariff;
DROP FUNCTION billing_keep_published_tariff();
DROP FUNCTION billing_refuse_published(bigint);
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0005_tariff_simulations")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
