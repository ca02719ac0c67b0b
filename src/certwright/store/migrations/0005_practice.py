import certwright.store.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('store', '0004_search'),
    ]

    operations = [
        migrations.CreateModel(
            name='PracticeText',
            fields=[
                ('id', certwright.store.fields.IdentifierField(primary_key=True, serialize=False)),
                ('place', models.CharField(help_text='kind and section, as in cps/1.5.2', max_length=40, unique=True)),
                ('text', models.TextField(help_text='empty: none of its own')),
                ('replaces', models.BooleanField(help_text='instead of what is made from the configuration, or after it')),
                ('changed_at', models.DateTimeField()),
                ('changed_by', models.CharField(max_length=256)),
                ('version', models.BigIntegerField()),
            ],
            options={
                'db_table': 'practice_text',
            },
        ),
        migrations.CreateModel(
            name='PracticeStatement',
            fields=[
                ('id', certwright.store.fields.IdentifierField(primary_key=True, serialize=False)),
                ('kind', models.CharField(help_text='cp or cps', max_length=10)),
                ('number', models.BigIntegerField(help_text='counts from 1 within a kind')),
                ('created_at', models.DateTimeField()),
                ('created_by', models.CharField(max_length=256)),
                ('effective_at', models.DateTimeField()),
                ('document', models.TextField(help_text='JSON: what each section says')),
                ('html', models.BinaryField(help_text='UTF-8')),
                ('html_sha256', models.BinaryField()),
                ('pdf', models.BinaryField()),
                ('pdf_sha256', models.BinaryField()),
                ('signature', models.BinaryField(help_text='CMS SignedData in DER over the PDF, detached')),
                ('signer', models.BinaryField(help_text='SHA-256 of the certificate it was signed with')),
            ],
            options={
                'db_table': 'practice_statement',
                'constraints': [models.UniqueConstraint(fields=('kind', 'number'), name='practice_statement_number')],
            },
        ),
    ]
