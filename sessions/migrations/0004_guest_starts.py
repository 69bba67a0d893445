"""A start request may be a guest's: nobody with an account asked for it."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("charging_sessions", "0003_money"),
    ]

    operations = [
        migrations.AlterField(
            model_name="startrequest",
            name="requested_by",
            field=models.ForeignKey(
                blank=True,
                help_text="empty: a guest",
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="start_requests",
                to=settings.AUTH_USER_MODEL,
                verbose_name="asked by",
            ),
        ),
    ]
