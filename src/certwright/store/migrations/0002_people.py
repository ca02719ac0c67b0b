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
        migrations.AddIndex(
            model_name='certificatetag',
            index=models.Index(fields=['tag', 'certificate'], name='certificate_tag_tag'),
        ),
        migrations.AddConstraint(
            model_name='teammember',
            constraint=models.UniqueConstraint(fields=('team', 'user'), name='team_member_once'),
        ),
        migrations.CreateModel(
            name='ApprovalDelegation',
            fields=[
                ('id', certwright.store.fields.IdentifierField(primary_key=True, serialize=False)),
                ('user', models.CharField(help_text='name of the account whose right it is', max_length=100)),
                ('deputy', models.CharField(help_text='name of the account that has it meanwhile', max_length=100)),
                ('begins_at', models.DateTimeField()),
                ('ends_at', models.DateTimeField()),
                ('comment', models.TextField()),
                ('created_at', models.DateTimeField()),
                ('created_by', models.CharField(max_length=256)),
                ('version', models.BigIntegerField()),
            ],
            options={
                'db_table': 'approval_delegation',
            },
        ),
        migrations.CreateModel(
            name='CertificateRequest',
            fields=[
                ('id', certwright.store.fields.IdentifierField(primary_key=True, serialize=False)),
                ('origin', models.CharField(help_text='console, rest, cli, or a protocol', max_length=20)),
                ('endpoint', models.CharField(help_text='protocol/name, or empty', max_length=121)),
                ('requester', models.CharField(help_text='actor who asked', max_length=256)),
                ('requester_user', models.CharField(help_text='account behind the actor, or empty', max_length=100)),
                ('team', models.CharField(max_length=100)),
                ('owner', models.CharField(help_text='name of the account that will answer for it', max_length=100)),
                ('authority', models.CharField(max_length=100)),
                ('profile', models.CharField(max_length=100)),
                ('public_key', models.BinaryField(help_text='SubjectPublicKeyInfo in DER, possession proved')),
                ('key_algorithm', models.CharField(max_length=20)),
                ('names', models.TextField(help_text='JSON list of [kind, value], as the certificate shall have them')),
                ('subject', models.TextField(help_text='RFC 4514 text, as the certificate shall have it')),
                ('lifetime', models.BigIntegerField(help_text='seconds, both ends included, as the rules have judged it')),
                ('wanted', models.TextField(help_text='JSON: what was asked for, to be asked again once approved')),
                ('comment', models.TextField(help_text="the requester's own words to whoever decides")),
                ('resubmits', models.BigIntegerField(help_text='the rejected request that this one mends', null=True)),
                ('policy', models.BigIntegerField(help_text='number of the policy that asked for approval')),
                ('steps', models.TextField(help_text="JSON: the approval's steps in order")),
                ('created_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField(help_text='when the step expires that it is at')),
                ('approved_at', models.DateTimeField(help_text='when the last step was done', null=True)),
                ('rejected_at', models.DateTimeField(null=True)),
                ('withdrawn_at', models.DateTimeField(null=True)),
                ('expired_at', models.DateTimeField(help_text='when the passing of its deadline was recorded', null=True)),
                ('issued_at', models.DateTimeField(null=True)),
                ('certificate', models.BigIntegerField(null=True)),
                ('acme_order', models.BigIntegerField(help_text='the ACME order that waits for it', null=True)),
                ('failed_at', models.DateTimeField(null=True)),
                ('problem', models.TextField(help_text='why it was rejected or could not be issued, in one line')),
                ('version', models.BigIntegerField()),
            ],
            options={
                'db_table': 'certificate_request',
                'indexes': [models.Index(condition=models.Q(('expired_at__isnull', True), ('failed_at__isnull', True), ('issued_at__isnull', True), ('rejected_at__isnull', True), ('withdrawn_at__isnull', True)), fields=['expires_at'], name='certificate_request_open'), models.Index(fields=['created_at', 'id'], name='certificate_request_newest'), models.Index(fields=['requester', 'id'], name='certificate_request_requester')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('acme_order__isnull', False)), fields=('acme_order',), name='certificate_request_acme_order')],
            },
        ),
        migrations.CreateModel(
            name='ApprovalDecision',
            fields=[
                ('id', certwright.store.fields.IdentifierField(primary_key=True, serialize=False)),
                ('step', models.BigIntegerField(help_text="place in the request's steps, from 0")),
                ('approver', models.CharField(help_text='actor who decided', max_length=256)),
                ('person', models.CharField(help_text='the account behind the actor, else the actor', max_length=256)),
                ('instead_of', models.CharField(help_text='who had handed it on to them, or empty', max_length=256)),
                ('approved', models.BooleanField()),
                ('comment', models.TextField()),
                ('at', models.DateTimeField()),
                ('request', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='store.certificaterequest')),
            ],
            options={
                'db_table': 'approval_decision',
                'constraints': [models.UniqueConstraint(fields=('request', 'person'), name='approval_decision_once')],
            },
        ),
        migrations.CreateModel(
            name='RequestApprover',
            fields=[
                ('id', certwright.store.fields.IdentifierField(primary_key=True, serialize=False)),
                ('approver', models.CharField(max_length=256)),
                ('request', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='store.certificaterequest')),
            ],
            options={
                'db_table': 'request_approver',
                'indexes': [models.Index(fields=['approver', 'request'], name='request_approver_approver')],
            },
        ),
    ]
