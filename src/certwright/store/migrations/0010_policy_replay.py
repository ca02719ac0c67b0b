import certwright.store.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('store', '0009_vetting'),
    ]

    operations = [
        migrations.CreateModel(
            name='PolicyReplay',
            fields=[
                ('id', certwright.store.fields.IdentifierField(primary_key=True, serialize=False)),
                ('draft', models.TextField(help_text='JSON, as the document of a policy')),
                ('digest', models.BinaryField(help_text='SHA-256 of the draft')),
                ('based_on', models.BigIntegerField(help_text='number of the policy it is beside; 0 for none')),
                ('at', models.DateTimeField(help_text='everything is judged as if it were asked for at this moment')),
                ('everything', models.BooleanField(help_text='certificates that have ended or are revoked too')),
                ('created_at', models.DateTimeField()),
                ('created_by', models.CharField(max_length=256)),
                ('done', models.BigIntegerField(help_text='how many are judged, when last somebody told')),
                ('total', models.BigIntegerField()),
                ('seen_at', models.DateTimeField(help_text='when last a worker told how far it is', null=True)),
                ('ended_at', models.DateTimeField(null=True)),
                ('cancelled_by', models.CharField(max_length=256)),
                ('problem', models.TextField(help_text='why it could not be run, in one line')),
                ('result', models.TextField(help_text='JSON, see operations/replay_documents.py; empty before the end')),
                ('version', models.BigIntegerField()),
            ],
            options={
                'db_table': 'policy_replay',
            },
        ),
    ]
