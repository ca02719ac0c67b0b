import certwright.store.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('store', '0011_notices'),
    ]

    operations = [
        migrations.CreateModel(
            name='MailboxProof',
            fields=[
                ('id', certwright.store.fields.IdentifierField(primary_key=True, serialize=False)),
                ('account', models.CharField(help_text='name of the account', max_length=100)),
                ('address', models.CharField(help_text='as core.names has it', max_length=320)),
                ('asked_at', models.DateTimeField(db_index=True)),
                ('mail_at', models.DateTimeField(help_text='when to mail a code; never where it is empty', null=True)),
                ('mail_attempts', models.BigIntegerField()),
                ('mailed_at', models.DateTimeField(null=True)),
                ('digest', models.BinaryField(help_text='of the newest code; empty before it, and once it is used')),
                ('good_until', models.DateTimeField(help_text='of the newest code', null=True)),
                ('proved_at', models.DateTimeField(null=True)),
                ('problem', models.TextField(help_text='why it could not be mailed, or empty')),
                ('taken_away_at', models.DateTimeField(null=True)),
                ('taken_away_by', models.CharField(help_text='actor, or empty', max_length=256)),
                ('taken_away_why', models.TextField()),
                ('version', models.BigIntegerField()),
            ],
            options={
                'db_table': 'mailbox_proof',
                'indexes': [models.Index(fields=['account', 'id'], name='mailbox_proof_account'), models.Index(condition=models.Q(('mail_at', None), _negated=True), fields=['mail_at'], name='mailbox_proof_due')],
            },
        ),
    ]
