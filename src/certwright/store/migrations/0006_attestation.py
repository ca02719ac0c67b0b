import certwright.store.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('store', '0005_practice'),
    ]

    operations = [
        migrations.CreateModel(
            name='AttestationCampaign',
            fields=[
                ('id', certwright.store.fields.IdentifierField(primary_key=True, serialize=False)),
                ('title', models.CharField(max_length=200)),
                ('text', models.TextField(help_text='the question, in the words of whoever asks')),
                ('selected', models.TextField(help_text='JSON: which certificates, as the filter of a list')),
                ('opened_at', models.DateTimeField()),
                ('opened_by', models.CharField(help_text='actor', max_length=256)),
                ('due_at', models.DateTimeField()),
                ('repeat_days', models.BigIntegerField(help_text='the next opens so long after this one', null=True)),
                ('follows', models.BigIntegerField(help_text='the campaign that this one repeats', null=True, unique=True)),
                ('filled_at', models.DateTimeField(help_text='when every certificate had its item', null=True)),
                ('stage', models.BigIntegerField(help_text='how many of the reminders are done')),
                ('closed_at', models.DateTimeField(null=True)),
                ('version', models.BigIntegerField()),
            ],
            options={
                'db_table': 'attestation_campaign',
            },
        ),
        migrations.CreateModel(
            name='Notice',
            fields=[
                ('id', certwright.store.fields.IdentifierField(primary_key=True, serialize=False)),
                ('account', models.CharField(help_text='name of the account, or empty', max_length=100)),
                ('team', models.CharField(help_text='name of the team, or empty', max_length=100)),
                ('text', models.TextField()),
                ('link', models.CharField(help_text='path of the page that it is about, or empty', max_length=500)),
                ('created_at', models.DateTimeField()),
                ('read_at', models.DateTimeField(null=True)),
                ('version', models.BigIntegerField()),
            ],
            options={
                'db_table': 'notice',
                'indexes': [models.Index(condition=models.Q(('account', ''), _negated=True), fields=['account', 'id'], name='notice_account'), models.Index(condition=models.Q(('team', ''), _negated=True), fields=['team', 'id'], name='notice_team')],
            },
        ),
        migrations.CreateModel(
            name='AttestationItem',
            fields=[
                ('id', certwright.store.fields.IdentifierField(primary_key=True, serialize=False)),
                ('answer', models.CharField(help_text='needed, not-needed, not-mine, or empty', max_length=20)),
                ('answered_by', models.CharField(help_text='actor, or empty', max_length=256)),
                ('answered_at', models.DateTimeField(null=True)),
                ('comment', models.TextField()),
                ('version', models.BigIntegerField()),
                ('campaign', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='store.attestationcampaign')),
                ('certificate', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, to='store.certificate')),
            ],
            options={
                'db_table': 'attestation_item',
                'constraints': [models.UniqueConstraint(fields=('campaign', 'certificate'), name='attestation_item_once')],
            },
        ),
    ]
