import certwright.store.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("store", "0010_policy_replay"),
    ]

    operations = [
        migrations.CreateModel(
            name="NoMail",
            fields=[
                ("id", certwright.store.fields.IdentifierField(primary_key=True, serialize=False)),
                ("account", models.CharField(max_length=100, unique=True)),
            ],
            options={"db_table": "no_mail"},
        ),
        migrations.RemoveIndex(model_name="notice", name="notice_team"),
        migrations.AddField(
            model_name="notice",
            name="mail_at",
            field=models.DateTimeField(
                help_text="when to mail it; never where it is empty", null=True
            ),
        ),
        migrations.AddField(
            model_name="notice",
            name="mail_attempts",
            field=models.BigIntegerField(default=0),
            preserve_default=False,
        ),
        migrations.AddField(model_name="notice", name="mailed_at", field=models.DateTimeField(null=True)),
        migrations.AlterField(
            model_name="notice", name="created_at", field=models.DateTimeField(db_index=True)
        ),
        migrations.AddIndex(
            model_name="notice",
            index=models.Index(
                condition=models.Q(("read_at", None), models.Q(("account", ""), _negated=True)),
                fields=["account"],
                name="notice_unread",
            ),
        ),
        migrations.AddIndex(
            model_name="notice",
            index=models.Index(
                condition=models.Q(("mail_at", None), _negated=True), fields=["mail_at"], name="notice_due"
            ),
        ),
    ]
