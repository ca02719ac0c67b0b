import certwright.store.fields
import datetime
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('store', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='ApprovalDecision',
            fields=[
                ('id', certwright.store.fields.IdentifierField(primary_key=True, serialize=False)),
                ('step', models.BigIntegerField(help_text="place in the request's steps, from 0")),
                ('approver', models.CharField(help_text='actor who decided', max_length=256)),
                ('instead_of', models.CharField(help_text='who had handed it on to them, or empty', max_length=256)),
                ('approved', models.BooleanField()),
                ('comment', models.TextField()),
                ('at', models.DateTimeField()),
            ],
            options={
                'db_table': 'approval_decision',
            },
        ),
        migrations.CreateModel(
            name='CertificateRequest',
            fields=[
                ('id', certwright.store.fields.IdentifierField(primary_key=True, serialize=False)),
                ('origin', models.CharField(help_text='console, rest, cli, or a protocol', max_length=20)),
                ('endpoint', models.CharField(help_text='protocol/name, or empty', max_length=121)),
                ('requester', models.CharField(help_text='actor who asked', max_length=256)),
                ('team', models.CharField(max_length=100)),
                ('owner', models.CharField(help_text='name of the account that will answer for it', max_length=100)),
                ('authority', models.CharField(max_length=100)),
                ('profile', models.CharField(max_length=100)),
                ('csr', models.BinaryField(help_text='PKCS #10 in DER as it came; empty while the key is to be made')),
                ('key_algorithm', models.CharField(max_length=20)),
                ('spki_sha256', models.BinaryField()),
                ('names', models.TextField(help_text='JSON list of [kind, value]')),
                ('subject', models.TextField(help_text='RFC 4514 text')),
                ('wanted', models.TextField(help_text='JSON: lifetime, fields, and what else was asked for')),
                ('comment', models.TextField(help_text="the requester's own words to whoever decides")),
                ('resubmits', models.BigIntegerField(help_text='the rejected request that this one mends', null=True)),
                ('policy', models.BigIntegerField(help_text='number of the policy that asked for approval')),
                ('steps', models.TextField(help_text="JSON: the approval's steps in order")),
                ('created_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField(db_index=True)),
                ('approved_at', models.DateTimeField(help_text='when the last step was done', null=True)),
                ('rejected_at', models.DateTimeField(null=True)),
                ('withdrawn_at', models.DateTimeField(null=True)),
                ('issued_at', models.DateTimeField(null=True)),
                ('certificate', models.BigIntegerField(null=True)),
                ('failed_at', models.DateTimeField(null=True)),
                ('problem', models.TextField(help_text='why it was rejected or could not be issued, in one line')),
                ('version', models.BigIntegerField()),
            ],
            options={
                'db_table': 'certificate_request',
            },
        ),
        migrations.CreateModel(
            name='CertificateTag',
            fields=[
                ('pk', models.CompositePrimaryKey('certificate_id', 'tag', blank=True, editable=False, primary_key=True, serialize=False)),
                ('certificate', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, to='store.certificate')),
                ('tag', models.CharField(max_length=60)),
            ],
            options={
                'db_table': 'certificate_tag',
            },
        ),
        migrations.CreateModel(
            name='Policy',
            fields=[
                ('number', certwright.store.fields.IdentifierField(primary_key=True, serialize=False)),
                ('document', models.TextField(help_text='JSON, see docs/reference/policy.md')),
                ('comment', models.TextField(help_text='why it was changed, in the words of whoever did')),
                ('created_at', models.DateTimeField()),
                ('created_by', models.CharField(max_length=256)),
            ],
            options={
                'db_table': 'policy',
            },
        ),
        migrations.CreateModel(
            name='Team',
            fields=[
                ('id', certwright.store.fields.IdentifierField(primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=100, unique=True)),
                ('description', models.TextField()),
                ('email', models.CharField(help_text="where notices go beside the members', or empty", max_length=254)),
                ('created_at', models.DateTimeField()),
                ('version', models.BigIntegerField()),
            ],
            options={
                'db_table': 'team',
            },
        ),
        migrations.CreateModel(
            name='TeamMember',
            fields=[
                ('id', certwright.store.fields.IdentifierField(primary_key=True, serialize=False)),
            ],
            options={
                'db_table': 'team_member',
            },
        ),
        migrations.AlterModelManagers(
            name='user',
            managers=[
            ],
        ),
        migrations.RenameField(model_name='user', old_name='username', new_name='name'),
        migrations.AlterField(
            model_name='user',
            name='name',
            field=models.CharField(help_text='what one logs in with, in lower case', max_length=100, unique=True),
        ),
        migrations.RenameField(model_name='user', old_name='date_joined', new_name='created_at'),
        migrations.AlterField(
            model_name='user',
            name='created_at',
            field=models.DateTimeField(),
        ),
        migrations.RemoveField(
            model_name='user',
            name='first_name',
        ),
        migrations.RemoveField(
            model_name='user',
            name='groups',
        ),
        migrations.RemoveField(
            model_name='user',
            name='is_active',
        ),
        migrations.RemoveField(
            model_name='user',
            name='is_staff',
        ),
        migrations.RemoveField(
            model_name='user',
            name='is_superuser',
        ),
        migrations.RemoveField(
            model_name='user',
            name='last_login',
        ),
        migrations.RemoveField(
            model_name='user',
            name='last_name',
        ),
        migrations.RemoveField(
            model_name='user',
            name='user_permissions',
        ),
        migrations.AddField(
            model_name='apitoken',
            name='user',
            field=models.ForeignKey(help_text='whose it is; it dies with the account', null=True, on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='certificate',
            name='owner',
            field=models.CharField(default='', help_text='name of the account that answers for it, or empty', max_length=100),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='certificate',
            name='team',
            field=models.CharField(default='', help_text='name of the team that answers for it, or empty', max_length=100),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='endpoint',
            name='owner',
            field=models.CharField(default='', help_text='account that answers for it, or empty', max_length=100),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='endpoint',
            name='team',
            field=models.CharField(default='', help_text='which answers for what is issued here, or empty', max_length=100),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='user',
            name='disabled_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='user',
            name='display_name',
            field=models.CharField(default='', max_length=200),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='user',
            name='external_id',
            field=models.CharField(default='', max_length=500),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='user',
            name='last_login_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='user',
            name='origin',
            field=models.CharField(default='local', help_text='local, or the name of who vouches', max_length=100),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='user',
            name='service',
            field=models.BooleanField(default=False),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='user',
            name='version',
            field=models.BigIntegerField(default=1),
            preserve_default=False,
        ),
        migrations.AlterField(
            model_name='user',
            name='email',
            field=models.CharField(max_length=254),
        ),
        migrations.AlterField(
            model_name='user',
            name='id',
            field=certwright.store.fields.IdentifierField(primary_key=True, serialize=False),
        ),
        migrations.AlterField(
            model_name='user',
            name='password',
            field=models.CharField(help_text='hashed; empty where others vouch', max_length=200),
        ),
        migrations.AddIndex(
            model_name='certificate',
            index=models.Index(condition=models.Q(('team', ''), _negated=True), fields=['team', 'not_after', 'id'], name='certificate_team'),
        ),
        migrations.AddIndex(
            model_name='certificate',
            index=models.Index(condition=models.Q(('owner', ''), _negated=True), fields=['owner', 'not_after', 'id'], name='certificate_owner'),
        ),
        migrations.AddConstraint(
            model_name='user',
            constraint=models.UniqueConstraint(condition=models.Q(('external_id', ''), _negated=True), fields=('origin', 'external_id'), name='user_account_external'),
        ),
        migrations.AddIndex(
            model_name='certificaterequest',
            index=models.Index(condition=models.Q(('approved_at__isnull', True), ('failed_at__isnull', True), ('rejected_at__isnull', True), ('withdrawn_at__isnull', True)), fields=['created_at', 'id'], name='certificate_request_open'),
        ),
        migrations.AddIndex(
            model_name='certificaterequest',
            index=models.Index(fields=['requester', 'id'], name='certificate_request_requester'),
        ),
        migrations.AddField(
            model_name='approvaldecision',
            name='request',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='store.certificaterequest'),
        ),
        migrations.AddField(
            model_name='teammember',
            name='team',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='store.team'),
        ),
        migrations.AddField(
            model_name='teammember',
            name='user',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddConstraint(
            model_name='approvaldecision',
            constraint=models.UniqueConstraint(fields=('request', 'approver'), name='approval_decision_once'),
        ),
        migrations.AddIndex(
            model_name='certificatetag',
            index=models.Index(fields=['tag', 'certificate'], name='certificate_tag_tag'),
        ),
        migrations.AddConstraint(
            model_name='teammember',
            constraint=models.UniqueConstraint(fields=('team', 'user'), name='team_member_once'),
        ),
    ]
