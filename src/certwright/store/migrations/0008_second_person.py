import certwright.store.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('store', '0007_sources'),
    ]

    operations = [
        migrations.CreateModel(
            name='BreakGlass',
            fields=[
                ('id', certwright.store.fields.IdentifierField(primary_key=True, serialize=False)),
                ('reason', models.TextField()),
                ('account', models.CharField(help_text='administrator made for it, or empty', max_length=100)),
                ('opened_at', models.DateTimeField()),
                ('opened_by', models.CharField(help_text='actor', max_length=256)),
                ('ends_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(help_text='when that was put on record', null=True)),
                ('ended_by', models.CharField(help_text='actor, or empty', max_length=256)),
                ('version', models.BigIntegerField()),
            ],
            options={
                'db_table': 'break_glass',
            },
        ),
        migrations.CreateModel(
            name='Proposal',
            fields=[
                ('id', certwright.store.fields.IdentifierField(primary_key=True, serialize=False)),
                ('kind', models.CharField(max_length=40)),
                ('arguments', models.TextField(help_text='JSON')),
                ('digest', models.BinaryField(db_index=True, help_text='SHA-256 of kind and arguments')),
                ('verb', models.CharField(help_text='what one must be permitted to do to confirm it', max_length=40)),
                ('subjects', models.TextField(help_text='JSON list: over what')),
                ('proposed_by', models.CharField(help_text='actor', max_length=256)),
                ('person', models.CharField(help_text='user:NAME or local:NAME', max_length=256)),
                ('proposed_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField()),
                ('confirmed_by', models.CharField(help_text='person, or empty', max_length=256)),
                ('confirmed_at', models.DateTimeField(null=True)),
                ('withdrawn_by', models.CharField(help_text='actor, or empty', max_length=256)),
                ('withdrawn_at', models.DateTimeField(null=True)),
                ('done_at', models.DateTimeField(null=True)),
                ('version', models.BigIntegerField()),
            ],
            options={
                'db_table': 'proposal',
            },
        ),
        migrations.CreateModel(
            name='SecondPersonRule',
            fields=[
                ('id', certwright.store.fields.IdentifierField(primary_key=True, serialize=False)),
                ('kinds', models.TextField(help_text='JSON list, see docs/reference/second-person.md')),
                ('hours', models.BigIntegerField(help_text='how long a proposal, and then its confirmation, holds')),
                ('version', models.BigIntegerField()),
            ],
            options={
                'db_table': 'second_person_rule',
            },
        ),
    ]
