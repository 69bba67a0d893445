"""The off-peak discounts of a published tariff are kept as its prices are."""

from django.db import migrations

FORWARD = """
CREATE TRIGGER offpeakincentive_of_published_is_kept BEFORE INSERT OR UPDATE OR DELETE ON billing_offpeakincentive
    FOR EACH ROW EXECUTE FUNCTION billing_keep_published_part();
"""

BACKWARD = "DROP TRIGGER offpeakincentive_of_published_is_kept ON billing_offpeakincentive;"


class Migration(migrations.Migration):
    dependencies = [("billing", "0010_off_peak_incentives")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
