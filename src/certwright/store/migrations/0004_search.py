"""What the console's search goes by: names by how they begin, and subjects, folded to lower case.

Where there is no subject, as in most certificates for servers, nothing is kept.
"""

from typing import Any

from django.db import migrations, models

import certwright.store.fields


class IndexByBeginning(migrations.RunPython):
    """An index for ranges of texts that begin alike. PostgreSQL wants to be told that octets are compared."""

    def __init__(self, name: str, table: str, expression: str, condition: str = "") -> None:
        def make(apps: object, editor: Any) -> None:
            operators = " text_pattern_ops" if editor.connection.vendor == "postgresql" else ""
            where = f" WHERE {condition}" if condition else ""
            editor.execute(f'CREATE INDEX "{name}" ON "{table}" ({expression}{operators}){where}')

        def drop(apps: object, editor: Any) -> None:
            editor.execute(f'DROP INDEX "{name}"')

        super().__init__(make, drop)


class Migration(migrations.Migration):

    dependencies = [
        ('store', '0003_login'),
    ]

    operations = [
        IndexByBeginning('certificate_name_value', 'certificate_name', '"value"'),
        IndexByBeginning('certificate_subject', 'certificate', 'lower("subject")', """NOT ("subject" = '')"""),
        migrations.CreateModel(
            name='Overview',
            fields=[
                ('id', certwright.store.fields.IdentifierField(primary_key=True, serialize=False)),
                ('scope', models.CharField(help_text='as in grants; * for all', max_length=200, unique=True)),
                ('at', models.DateTimeField()),
                ('document', models.TextField(help_text='JSON, see operations/count_certificates.py')),
                ('version', models.BigIntegerField()),
            ],
            options={
                'db_table': 'overview',
            },
        ),
        migrations.CreateModel(
            name='SavedView',
            fields=[
                ('id', certwright.store.fields.IdentifierField(primary_key=True, serialize=False)),
                ('user', models.CharField(help_text='name of the account whose it is', max_length=100)),
                ('name', models.CharField(max_length=60)),
                ('query', models.TextField(help_text='filters, as they stand in the address of the list')),
                ('created_at', models.DateTimeField()),
            ],
            options={
                'db_table': 'saved_view',
                'constraints': [models.UniqueConstraint(fields=('user', 'name'), name='saved_view_once')],
            },
        ),
    ]
