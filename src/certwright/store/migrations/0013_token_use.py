import certwright.store.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('store', '0012_mailbox_proofs'),
    ]

    operations = [
        migrations.CreateModel(
            name='TokenUse',
            fields=[
                ('id', certwright.store.fields.IdentifierField(help_text='that of the token', primary_key=True, serialize=False)),
                ('used_at', models.DateTimeField()),
                ('version', models.BigIntegerField()),
            ],
            options={
                'db_table': 'token_use',
            },
        ),
    ]
