from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('store', '0006_attestation'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='rolegrant',
            name='role_grant_once',
        ),
        migrations.RemoveConstraint(
            model_name='teammember',
            name='team_member_once',
        ),
        migrations.AddField(
            model_name='rolegrant',
            name='origin',
            field=models.CharField(default='local', help_text='who says so, as of an account', max_length=100),
        ),
        migrations.AddField(
            model_name='teammember',
            name='origin',
            field=models.CharField(default='local', help_text='who says so, as of an account', max_length=100),
        ),
        migrations.AddConstraint(
            model_name='rolegrant',
            constraint=models.UniqueConstraint(fields=('holder', 'role', 'scope', 'origin'), name='role_grant_once'),
        ),
        migrations.AddConstraint(
            model_name='teammember',
            constraint=models.UniqueConstraint(fields=('team', 'user', 'origin'), name='team_member_once'),
        ),
    ]
