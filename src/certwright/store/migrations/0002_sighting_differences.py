from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('store', '0001_initial'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='sighting',
            index=models.Index(fields=['first_run', 'id'], name='sighting_first'),
        ),
        migrations.AddIndex(
            model_name='sighting',
            index=models.Index(condition=models.Q(('ended_at__isnull', False)), fields=['last_run', 'id'], name='sighting_ended'),
        ),
    ]
