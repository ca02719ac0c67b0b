import certwright.store.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('store', '0008_second_person'),
    ]

    operations = [
        migrations.CreateModel(
            name='Organization',
            fields=[
                ('id', certwright.store.fields.IdentifierField(primary_key=True, serialize=False)),
                ('legal_name', models.CharField(help_text='as its register has it', max_length=64)),
                ('register_number', models.CharField(max_length=64)),
                ('jurisdiction_country', models.CharField(help_text='where it is registered', max_length=2)),
                ('jurisdiction_state', models.CharField(max_length=128)),
                ('jurisdiction_locality', models.CharField(max_length=128)),
                ('category', models.CharField(help_text='businessCategory', max_length=128)),
                ('organization_identifier', models.CharField(max_length=256)),
                ('street', models.CharField(max_length=128)),
                ('postal_code', models.CharField(max_length=40)),
                ('locality', models.CharField(max_length=128)),
                ('state', models.CharField(max_length=128)),
                ('country', models.CharField(help_text='of its address', max_length=2)),
                ('phone', models.CharField(help_text='from an independent source', max_length=40)),
                ('team', models.CharField(help_text="whose certificates may name it; empty: all teams'", max_length=100)),
                ('created_at', models.DateTimeField()),
                ('created_by', models.CharField(help_text='actor', max_length=256)),
                ('version', models.BigIntegerField(help_text='grows with each check and document too')),
            ],
            options={
                'db_table': 'organization',
                'indexes': [models.Index(fields=['team', 'id'], name='organization_team')],
            },
        ),
        migrations.CreateModel(
            name='Evidence',
            fields=[
                ('id', certwright.store.fields.IdentifierField(primary_key=True, serialize=False)),
                ('name', models.CharField(help_text='of the file, as shown to people', max_length=200)),
                ('media_type', models.CharField(help_text='told by its octets, not by whoever sent it', max_length=60)),
                ('octets', models.BigIntegerField()),
                ('sha256', models.BinaryField()),
                ('scanned', models.BooleanField(help_text='whether the virus scanner has passed it')),
                ('uploaded_at', models.DateTimeField()),
                ('actor', models.CharField(max_length=256)),
                ('person', models.CharField(help_text='the account behind the actor, else the actor', max_length=256)),
                ('organization', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='store.organization')),
            ],
            options={
                'db_table': 'evidence',
            },
        ),
        migrations.CreateModel(
            name='VettingCheck',
            fields=[
                ('id', certwright.store.fields.IdentifierField(primary_key=True, serialize=False)),
                ('kind', models.CharField(help_text='register, address, ...: core.vetting.CheckKind', max_length=40)),
                ('at', models.DateTimeField(help_text='when it was put on record')),
                ('since', models.DateTimeField(help_text='when what it rests on was obtained; its age counts from then')),
                ('actor', models.CharField(max_length=256)),
                ('person', models.CharField(help_text='the account behind the actor, else the actor', max_length=256)),
                ('note', models.TextField(help_text='what was done and seen, in their own words')),
                ('domain', models.CharField(help_text='of a check of a domain, or empty', max_length=255)),
                ('confirmed', models.TextField(help_text='JSON list of [field, value]: what the record said then')),
                ('documents', models.TextField(help_text='JSON list of the identifiers of evidence, as text')),
                ('revoked_at', models.DateTimeField(null=True)),
                ('revoked_by', models.CharField(help_text='actor, or empty', max_length=256)),
                ('revoked_why', models.TextField()),
                ('version', models.BigIntegerField()),
                ('organization', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='store.organization')),
            ],
            options={
                'db_table': 'vetting_check',
            },
        ),
        migrations.CreateModel(
            name='EvidenceChunk',
            fields=[
                ('id', certwright.store.fields.IdentifierField(primary_key=True, serialize=False)),
                ('position', models.BigIntegerField(help_text='from 0')),
                ('sealed', models.BinaryField()),
                ('evidence', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='store.evidence')),
            ],
            options={
                'db_table': 'evidence_chunk',
                'constraints': [models.UniqueConstraint(fields=('evidence', 'position'), name='evidence_chunk_position')],
            },
        ),
    ]
