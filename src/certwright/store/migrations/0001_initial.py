"""All tables, as they are in the first release, and what the console's search goes by.

Names are found by how they begin, and so are subjects, folded to lower case. Where there is no subject, as in
most certificates for servers, nothing is kept.
"""

from typing import Any

import certwright.store.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


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

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='AcmeNonce',
            fields=[
                ('fingerprint', models.BinaryField(primary_key=True, serialize=False)),
                ('expires_at', models.DateTimeField(db_index=True)),
            ],
            options={
                'db_table': 'acme_nonce',
            },
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
            name='AuditCheckpoint',
            fields=[
                ('size', certwright.store.fields.IdentifierField(primary_key=True, serialize=False)),
                ('at', models.DateTimeField()),
                ('root', models.BinaryField()),
                ('note', models.TextField(help_text='the signed note, as given out')),
            ],
            options={
                'db_table': 'audit_checkpoint',
            },
        ),
        migrations.CreateModel(
            name='AuditEvent',
            fields=[
                ('id', certwright.store.fields.IdentifierField(help_text='writer * 2**32 + number', primary_key=True, serialize=False)),
                ('writer', models.BigIntegerField()),
                ('number', models.BigIntegerField()),
                ('at', models.DateTimeField(db_index=True)),
                ('kind', models.CharField(max_length=60)),
                ('actor', models.TextField()),
                ('source', models.TextField()),
                ('subject', models.TextField(db_index=True)),
                ('body', models.TextField()),
                ('chain', models.BinaryField()),
            ],
            options={
                'db_table': 'audit_event',
            },
        ),
        migrations.CreateModel(
            name='AuditLeaf',
            fields=[
                ('position', certwright.store.fields.IdentifierField(primary_key=True, serialize=False)),
                ('event', models.BigIntegerField(unique=True)),
            ],
            options={
                'db_table': 'audit_leaf',
            },
        ),
        migrations.CreateModel(
            name='AuditNode',
            fields=[
                ('pk', models.CompositePrimaryKey('level', 'position', blank=True, editable=False, primary_key=True, serialize=False)),
                ('level', models.BigIntegerField()),
                ('position', models.BigIntegerField()),
                ('hash', models.BinaryField()),
            ],
            options={
                'db_table': 'audit_node',
            },
        ),
        migrations.CreateModel(
            name='AuditWriter',
            fields=[
                ('id', certwright.store.fields.IdentifierField(help_text='grows by random steps', primary_key=True, serialize=False)),
                ('name', models.TextField()),
                ('started_at', models.DateTimeField()),
                ('events', models.BigIntegerField()),
                ('head', models.BinaryField()),
                ('sequenced', models.BigIntegerField(help_text='how many of them have their place in the tree')),
            ],
            options={
                'db_table': 'audit_writer',
            },
        ),
        migrations.CreateModel(
            name='Authority',
            fields=[
                ('id', certwright.store.fields.IdentifierField(primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=100, unique=True)),
                ('kind', models.CharField(help_text='root, intermediate or issuing', max_length=20)),
                ('subject_sha256', models.BinaryField(help_text='of its subject as names are compared; its generations share it, no others do', unique=True)),
                ('crl_shards', models.BigIntegerField()),
                ('created_at', models.DateTimeField()),
                ('retired_at', models.DateTimeField(null=True)),
                ('version', models.BigIntegerField()),
            ],
            options={
                'db_table': 'authority',
            },
        ),
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
            name='CompromisedKey',
            fields=[
                ('spki_sha256', models.BinaryField(primary_key=True, serialize=False)),
                ('origin', models.TextField()),
                ('at', models.DateTimeField()),
            ],
            options={
                'db_table': 'compromised_key',
            },
        ),
        migrations.CreateModel(
            name='Counter',
            fields=[
                ('name', models.CharField(max_length=100, primary_key=True, serialize=False)),
                ('value', models.BigIntegerField()),
            ],
            options={
                'db_table': 'counter',
            },
        ),
        migrations.CreateModel(
            name='Installation',
            fields=[
                ('id', certwright.store.fields.IdentifierField(primary_key=True, serialize=False)),
                ('organization', models.TextField()),
                ('base_url', models.TextField(help_text='where relying parties reach us; goes into certificates')),
                ('embedded', models.BooleanField(help_text='founded by `init` on one host, loopback only')),
                ('revision', models.BigIntegerField()),
                ('created_at', models.DateTimeField()),
                ('nonce_key', models.BinaryField(help_text='HMAC key of nonces, enveloped')),
            ],
            options={
                'db_table': 'installation',
            },
        ),
        migrations.CreateModel(
            name='Lease',
            fields=[
                ('name', models.CharField(max_length=100, primary_key=True, serialize=False)),
                ('holder', models.CharField(max_length=100)),
                ('expires_at', models.DateTimeField()),
            ],
            options={
                'db_table': 'lease',
            },
        ),
        migrations.CreateModel(
            name='NoMail',
            fields=[
                ('id', certwright.store.fields.IdentifierField(primary_key=True, serialize=False)),
                ('account', models.CharField(max_length=100, unique=True)),
            ],
            options={
                'db_table': 'no_mail',
            },
        ),
        migrations.CreateModel(
            name='Outbox',
            fields=[
                ('id', certwright.store.fields.IdentifierField(primary_key=True, serialize=False)),
                ('kind', models.CharField(max_length=60)),
                ('payload', models.TextField(help_text='JSON')),
                ('created_at', models.DateTimeField()),
            ],
            options={
                'db_table': 'outbox',
            },
        ),
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
            name='PolicyReplay',
            fields=[
                ('id', certwright.store.fields.IdentifierField(primary_key=True, serialize=False)),
                ('draft', models.TextField(help_text='JSON, as the document of a policy')),
                ('digest', models.BinaryField(help_text='SHA-256 of the draft')),
                ('based_on', models.BigIntegerField(help_text='number of the policy it is beside; 0 for none')),
                ('at', models.DateTimeField(help_text='everything is judged as if it were asked for at this moment')),
                ('everything', models.BooleanField(help_text='certificates that have ended or are revoked too')),
                ('created_at', models.DateTimeField()),
                ('created_by', models.CharField(max_length=256)),
                ('done', models.BigIntegerField(help_text='how many are judged, when last somebody told')),
                ('total', models.BigIntegerField()),
                ('seen_at', models.DateTimeField(help_text='when last a worker told how far it is', null=True)),
                ('ended_at', models.DateTimeField(null=True)),
                ('cancelled_by', models.CharField(max_length=256)),
                ('problem', models.TextField(help_text='why it could not be run, in one line')),
                ('result', models.TextField(help_text='JSON, see operations/replay_documents.py; empty before the end')),
                ('version', models.BigIntegerField()),
            ],
            options={
                'db_table': 'policy_replay',
            },
        ),
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
            name='Remembered',
            fields=[
                ('digest', models.BinaryField(help_text='SHA-256 of what it is about', primary_key=True, serialize=False)),
                ('value', models.TextField(help_text='JSON')),
                ('expires_at', models.DateTimeField(db_index=True)),
            ],
            options={
                'db_table': 'remembered',
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
            name='User',
            fields=[
                ('id', certwright.store.fields.IdentifierField(primary_key=True, serialize=False)),
                ('name', models.CharField(help_text='what one logs in with, in lower case', max_length=100, unique=True)),
                ('display_name', models.CharField(max_length=200)),
                ('email', models.CharField(max_length=254)),
                ('password', models.CharField(help_text='hashed; empty where others vouch', max_length=200)),
                ('password_expires_at', models.DateTimeField(help_text='a first password dies by itself', null=True)),
                ('service', models.BooleanField()),
                ('origin', models.CharField(help_text='local, or the name of who vouches', max_length=100)),
                ('external_id', models.CharField(max_length=500)),
                ('created_at', models.DateTimeField()),
                ('last_login_at', models.DateTimeField(null=True)),
                ('disabled_at', models.DateTimeField(null=True)),
                ('sessions_ended_at', models.DateTimeField(help_text='what was logged in before is not any more', null=True)),
                ('version', models.BigIntegerField()),
            ],
            options={
                'db_table': 'user_account',
                'constraints': [models.UniqueConstraint(condition=models.Q(('external_id', ''), _negated=True), fields=('origin', 'external_id'), name='user_account_external')],
            },
        ),
        migrations.CreateModel(
            name='ApiToken',
            fields=[
                ('id', certwright.store.fields.IdentifierField(primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=100, unique=True)),
                ('digest', models.BinaryField(unique=True)),
                ('created_at', models.DateTimeField()),
                ('created_by', models.TextField()),
                ('expires_at', models.DateTimeField(null=True)),
                ('revoked_at', models.DateTimeField(null=True)),
                ('version', models.BigIntegerField()),
                ('user', models.ForeignKey(help_text='whose it is; it dies with the account', null=True, on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'db_table': 'api_token',
            },
        ),
        migrations.CreateModel(
            name='AuthorityGeneration',
            fields=[
                ('id', certwright.store.fields.IdentifierField(primary_key=True, serialize=False)),
                ('number', models.BigIntegerField()),
                ('key_provider', models.CharField(help_text='name of the configured key provider', max_length=100)),
                ('key_algorithm', models.CharField(max_length=20)),
                ('key_reference', models.BinaryField()),
                ('spki_sha256', models.BinaryField(unique=True)),
                ('subject', models.TextField(help_text='RFC 4514 text')),
                ('profile', models.CharField(max_length=100)),
                ('ordered', models.TextField(help_text='JSON: who shall sign it, and its terms beyond the profile')),
                ('csr', models.BinaryField(null=True)),
                ('certificate', models.BinaryField(null=True)),
                ('chain', models.BinaryField(help_text='DER certificates one after another, issuer first, up to the root')),
                ('not_after', models.DateTimeField(null=True)),
                ('created_at', models.DateTimeField()),
                ('retired_at', models.DateTimeField(null=True)),
                ('version', models.BigIntegerField()),
                ('authority', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='store.authority')),
            ],
            options={
                'db_table': 'authority_generation',
                'constraints': [models.UniqueConstraint(fields=('authority', 'number'), name='authority_generation_number')],
            },
        ),
        migrations.CreateModel(
            name='Certificate',
            fields=[
                ('id', certwright.store.fields.IdentifierField(primary_key=True, serialize=False)),
                ('fingerprint', models.BinaryField(help_text='SHA-256 of the DER', unique=True)),
                ('authority', models.CharField(help_text="name of our authority, empty for others' certificates", max_length=100)),
                ('issuer', models.TextField(help_text='RFC 4514 text')),
                ('serial', models.BinaryField(help_text='content octets of the INTEGER')),
                ('subject', models.TextField(help_text='RFC 4514 text')),
                ('not_before', models.DateTimeField()),
                ('not_after', models.DateTimeField()),
                ('key_algorithm', models.CharField(max_length=20)),
                ('spki_sha256', models.BinaryField()),
                ('profile', models.CharField(max_length=100)),
                ('profile_number', models.BigIntegerField()),
                ('endpoint', models.CharField(help_text='protocol/name', max_length=121)),
                ('requester', models.TextField(help_text='actor who asked')),
                ('team', models.CharField(help_text='name of the team that answers for it, or empty', max_length=100)),
                ('owner', models.CharField(help_text='name of the account that answers for it, or empty', max_length=100)),
                ('issued_at', models.DateTimeField()),
                ('replaces', models.BigIntegerField(help_text='identifier of the certificate renewed by this one', null=True)),
                ('crl_shard', models.BigIntegerField()),
                ('revoked_at', models.DateTimeField(null=True)),
                ('revocation_reason', models.BigIntegerField(help_text='RFC 5280 section 5.3.1', null=True)),
                ('invalidity_date', models.DateTimeField(null=True)),
                ('version', models.BigIntegerField()),
                ('generation', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='issued', to='store.authoritygeneration')),
            ],
            options={
                'db_table': 'certificate',
                'indexes': [models.Index(fields=['not_after', 'id'], name='certificate_expiry'), models.Index(condition=models.Q(('team', ''), _negated=True), fields=['team', 'not_after', 'id'], name='certificate_team'), models.Index(condition=models.Q(('owner', ''), _negated=True), fields=['owner', 'not_after', 'id'], name='certificate_owner'), models.Index(condition=models.Q(('revoked_at__isnull', False)), fields=['generation', 'crl_shard', 'not_after', 'id'], name='certificate_revoked')],
                'constraints': [models.UniqueConstraint(fields=('generation', 'serial'), name='certificate_serial')],
            },
        ),
        migrations.CreateModel(
            name='CertificateBody',
            fields=[
                ('certificate', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, primary_key=True, serialize=False, to='store.certificate')),
                ('der', models.BinaryField()),
            ],
            options={
                'db_table': 'certificate_body',
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
        migrations.CreateModel(
            name='CertificateName',
            fields=[
                ('pk', models.CompositePrimaryKey('certificate_id', 'position', blank=True, editable=False, primary_key=True, serialize=False)),
                ('position', models.BigIntegerField()),
                ('kind', models.CharField(max_length=10)),
                ('value', models.TextField()),
                ('reversed_value', models.TextField(db_index=True)),
                ('certificate', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, to='store.certificate')),
            ],
            options={
                'db_table': 'certificate_name',
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
            name='CertificateTag',
            fields=[
                ('pk', models.CompositePrimaryKey('certificate_id', 'tag', blank=True, editable=False, primary_key=True, serialize=False)),
                ('tag', models.CharField(max_length=60)),
                ('certificate', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, to='store.certificate')),
            ],
            options={
                'db_table': 'certificate_tag',
                'indexes': [models.Index(fields=['tag', 'certificate'], name='certificate_tag_tag')],
            },
        ),
        migrations.CreateModel(
            name='Crl',
            fields=[
                ('id', certwright.store.fields.IdentifierField(primary_key=True, serialize=False)),
                ('shard', models.BigIntegerField()),
                ('number', models.BigIntegerField()),
                ('base_number', models.BigIntegerField(help_text='0 for a complete list')),
                ('covered_seq', models.BigIntegerField()),
                ('scheduled', models.BooleanField(help_text='signed by the clock: deltas are based on the newest such list')),
                ('this_update', models.DateTimeField()),
                ('next_update', models.DateTimeField()),
                ('entries', models.BigIntegerField()),
                ('der', models.BinaryField()),
                ('generation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='store.authoritygeneration')),
            ],
            options={
                'db_table': 'crl',
                'indexes': [models.Index(fields=['generation', 'shard', 'number'], name='crl_number')],
                'constraints': [models.UniqueConstraint(fields=('generation', 'shard', 'number', 'base_number'), name='crl_once')],
            },
        ),
        migrations.CreateModel(
            name='CrlShard',
            fields=[
                ('pk', models.CompositePrimaryKey('generation_id', 'shard', blank=True, editable=False, primary_key=True, serialize=False)),
                ('shard', models.BigIntegerField()),
                ('number', models.BigIntegerField()),
                ('covered_seq', models.BigIntegerField()),
                ('next_update', models.DateTimeField()),
                ('generation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='store.authoritygeneration')),
            ],
            options={
                'db_table': 'crl_shard',
            },
        ),
        migrations.CreateModel(
            name='Endpoint',
            fields=[
                ('id', certwright.store.fields.IdentifierField(primary_key=True, serialize=False)),
                ('protocol', models.CharField(max_length=20)),
                ('name', models.CharField(max_length=100)),
                ('profiles', models.TextField(help_text='JSON list of profile names, the default first')),
                ('policy', models.TextField(help_text='JSON: names, key algorithms and lifetimes permitted here')),
                ('settings', models.TextField(help_text="JSON: the protocol's own settings")),
                ('team', models.CharField(help_text='which answers for what is issued here, or empty', max_length=100)),
                ('owner', models.CharField(help_text='account that answers for it, or empty', max_length=100)),
                ('enabled', models.BooleanField()),
                ('version', models.BigIntegerField()),
                ('authority', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='store.authority')),
            ],
            options={
                'db_table': 'endpoint',
                'constraints': [models.UniqueConstraint(fields=('protocol', 'name'), name='endpoint_name')],
            },
        ),
        migrations.CreateModel(
            name='AcmeAccount',
            fields=[
                ('id', certwright.store.fields.IdentifierField(primary_key=True, serialize=False)),
                ('thumbprint', models.CharField(help_text='RFC 7638, SHA-256', max_length=43)),
                ('jwk', models.TextField()),
                ('contacts', models.TextField(help_text='JSON list of mailto URIs')),
                ('terms_agreed_at', models.DateTimeField(null=True)),
                ('external_account_key', models.BigIntegerField(null=True)),
                ('external_account_binding', models.TextField(help_text='JSON as the client sent it, empty without')),
                ('created_at', models.DateTimeField()),
                ('deactivated_at', models.DateTimeField(null=True)),
                ('revoked_at', models.DateTimeField(null=True)),
                ('version', models.BigIntegerField()),
                ('endpoint', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='store.endpoint')),
            ],
            options={
                'db_table': 'acme_account',
                'constraints': [models.UniqueConstraint(fields=('endpoint', 'thumbprint'), name='acme_account_key')],
            },
        ),
        migrations.CreateModel(
            name='AcmeAuthorization',
            fields=[
                ('id', certwright.store.fields.IdentifierField(primary_key=True, serialize=False)),
                ('kind', models.CharField(max_length=10)),
                ('value', models.TextField()),
                ('wildcard', models.BooleanField()),
                ('token', models.CharField(max_length=64)),
                ('challenges', models.TextField(help_text='JSON list of challenge types offered, in order')),
                ('created_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField(db_index=True)),
                ('attempted', models.CharField(help_text='challenge type the client chose, empty before', max_length=20)),
                ('attempted_at', models.DateTimeField(null=True)),
                ('validated_at', models.DateTimeField(null=True)),
                ('valid_until', models.DateTimeField(null=True)),
                ('failed_at', models.DateTimeField(null=True)),
                ('problem', models.TextField(help_text='JSON [type, detail], empty while there is none')),
                ('deactivated_at', models.DateTimeField(null=True)),
                ('revoked_at', models.DateTimeField(null=True)),
                ('evidence', models.TextField(help_text='JSON: what each perspective saw')),
                ('version', models.BigIntegerField()),
                ('account', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, to='store.acmeaccount')),
            ],
            options={
                'db_table': 'acme_authorization',
                'indexes': [models.Index(fields=['account', 'value'], name='acme_authorization_reuse'), models.Index(condition=models.Q(('attempted_at__isnull', False), ('deactivated_at__isnull', True), ('failed_at__isnull', True), ('validated_at__isnull', True)), fields=['attempted_at'], name='acme_authorization_unsettled')],
            },
        ),
        migrations.CreateModel(
            name='AcmeOrder',
            fields=[
                ('id', certwright.store.fields.IdentifierField(primary_key=True, serialize=False)),
                ('identifiers', models.TextField(help_text='JSON list of [kind, value]')),
                ('authorizations', models.TextField(help_text='JSON list of identifiers of authorizations')),
                ('profile', models.CharField(max_length=100)),
                ('not_before', models.DateTimeField(null=True)),
                ('not_after', models.DateTimeField(null=True)),
                ('replaces', models.BigIntegerField(null=True)),
                ('created_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField(db_index=True)),
                ('finalized_at', models.DateTimeField(null=True)),
                ('csr', models.BinaryField(help_text='kept while the order is processing', null=True)),
                ('issued_at', models.DateTimeField(null=True)),
                ('certificate', models.BigIntegerField(null=True)),
                ('failed_at', models.DateTimeField(null=True)),
                ('problem', models.TextField(help_text='JSON [type, detail], empty while there is none')),
                ('version', models.BigIntegerField()),
                ('account', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, to='store.acmeaccount')),
            ],
            options={
                'db_table': 'acme_order',
                'indexes': [models.Index(condition=models.Q(('replaces__isnull', False)), fields=['replaces'], name='acme_order_replacing')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('issued_at__isnull', False), ('replaces__isnull', False)), fields=('replaces',), name='acme_order_replaces_once')],
            },
        ),
        migrations.CreateModel(
            name='AcmeExternalAccountKey',
            fields=[
                ('id', certwright.store.fields.IdentifierField(primary_key=True, serialize=False)),
                ('name', models.CharField(help_text='the kid given to the client', max_length=100, unique=True)),
                ('key', models.BinaryField(help_text='HMAC key, enveloped')),
                ('created_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField(null=True)),
                ('revoked_at', models.DateTimeField(null=True)),
                ('account', models.BigIntegerField(help_text='who used it', null=True)),
                ('version', models.BigIntegerField()),
                ('endpoint', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='store.endpoint')),
            ],
            options={
                'db_table': 'acme_external_account_key',
            },
        ),
        migrations.CreateModel(
            name='IssuanceIntent',
            fields=[
                ('id', certwright.store.fields.IdentifierField(primary_key=True, serialize=False)),
                ('serial', models.BinaryField()),
                ('tbs_sha256', models.BinaryField()),
                ('profile', models.CharField(max_length=100)),
                ('requester', models.TextField()),
                ('at', models.DateTimeField()),
                ('generation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='store.authoritygeneration')),
            ],
            options={
                'db_table': 'issuance_intent',
                'constraints': [models.UniqueConstraint(fields=('generation', 'serial'), name='issuance_intent_serial')],
            },
        ),
        migrations.CreateModel(
            name='MailboxProof',
            fields=[
                ('id', certwright.store.fields.IdentifierField(primary_key=True, serialize=False)),
                ('account', models.CharField(help_text='name of the account', max_length=100)),
                ('address', models.CharField(help_text='as core.names has it', max_length=320)),
                ('asked_at', models.DateTimeField(db_index=True)),
                ('mail_at', models.DateTimeField(help_text='when to mail a code; never where it is empty', null=True)),
                ('mail_attempts', models.BigIntegerField()),
                ('mailed_at', models.DateTimeField(null=True)),
                ('digest', models.BinaryField(help_text='of the newest code; empty before it, and once it is used')),
                ('good_until', models.DateTimeField(help_text='of the newest code', null=True)),
                ('proved_at', models.DateTimeField(null=True)),
                ('problem', models.TextField(help_text='why it could not be mailed, or empty')),
                ('taken_away_at', models.DateTimeField(null=True)),
                ('taken_away_by', models.CharField(help_text='actor, or empty', max_length=256)),
                ('taken_away_why', models.TextField()),
                ('version', models.BigIntegerField()),
            ],
            options={
                'db_table': 'mailbox_proof',
                'indexes': [models.Index(fields=['account', 'id'], name='mailbox_proof_account'), models.Index(condition=models.Q(('mail_at', None), _negated=True), fields=['mail_at'], name='mailbox_proof_due')],
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
                ('created_at', models.DateTimeField(db_index=True)),
                ('read_at', models.DateTimeField(null=True)),
                ('mail_at', models.DateTimeField(help_text='when to mail it; never where it is empty', null=True)),
                ('mail_attempts', models.BigIntegerField()),
                ('mailed_at', models.DateTimeField(null=True)),
                ('version', models.BigIntegerField()),
            ],
            options={
                'db_table': 'notice',
                'indexes': [models.Index(condition=models.Q(('account', ''), _negated=True), fields=['account', 'id'], name='notice_account'), models.Index(condition=models.Q(('read_at', None), models.Q(('account', ''), _negated=True)), fields=['account'], name='notice_unread'), models.Index(condition=models.Q(('mail_at', None), _negated=True), fields=['mail_at'], name='notice_due')],
            },
        ),
        migrations.CreateModel(
            name='OcspRun',
            fields=[
                ('digest', models.BinaryField(primary_key=True, serialize=False)),
                ('produced_at', models.DateTimeField()),
                ('next_update', models.DateTimeField(db_index=True)),
                ('generation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='store.authoritygeneration')),
            ],
            options={
                'db_table': 'ocsp_run',
            },
        ),
        migrations.CreateModel(
            name='OcspSigner',
            fields=[
                ('id', certwright.store.fields.IdentifierField(primary_key=True, serialize=False)),
                ('key_provider', models.CharField(max_length=100)),
                ('key_algorithm', models.CharField(max_length=20)),
                ('key_reference', models.BinaryField()),
                ('certificate', models.BinaryField()),
                ('not_before', models.DateTimeField()),
                ('not_after', models.DateTimeField()),
                ('generation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='store.authoritygeneration')),
            ],
            options={
                'db_table': 'ocsp_signer',
            },
        ),
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
        migrations.CreateModel(
            name='PerspectiveResult',
            fields=[
                ('id', certwright.store.fields.IdentifierField(primary_key=True, serialize=False)),
                ('attempt', models.BigIntegerField()),
                ('perspective', models.CharField(max_length=100)),
                ('at', models.DateTimeField()),
                ('problem', models.TextField()),
                ('detail', models.TextField()),
                ('caa', models.TextField(help_text='JSON list: for whom CAA records were looked up, empty if they were not')),
                ('authorization', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, to='store.acmeauthorization')),
            ],
            options={
                'db_table': 'perspective_result',
                'constraints': [models.UniqueConstraint(fields=('authorization', 'attempt', 'perspective'), name='perspective_once')],
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
        migrations.CreateModel(
            name='Profile',
            fields=[
                ('id', certwright.store.fields.IdentifierField(primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=100)),
                ('number', models.BigIntegerField()),
                ('document', models.TextField(help_text='JSON, see docs/reference/profiles.md')),
                ('created_at', models.DateTimeField()),
            ],
            options={
                'db_table': 'profile',
                'constraints': [models.UniqueConstraint(fields=('name', 'number'), name='profile_version')],
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
        migrations.CreateModel(
            name='RoleGrant',
            fields=[
                ('id', certwright.store.fields.IdentifierField(primary_key=True, serialize=False)),
                ('holder', models.CharField(db_index=True, max_length=200)),
                ('role', models.CharField(max_length=30)),
                ('scope', models.TextField()),
                ('origin', models.CharField(default='local', help_text='who says so, as of an account', max_length=100)),
            ],
            options={
                'db_table': 'role_grant',
                'constraints': [models.UniqueConstraint(fields=('holder', 'role', 'scope', 'origin'), name='role_grant_once')],
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
        migrations.CreateModel(
            name='StatusChange',
            fields=[
                ('seq', certwright.store.fields.IdentifierField(primary_key=True, serialize=False)),
                ('serial', models.BinaryField()),
                ('crl_shard', models.BigIntegerField()),
                ('revoked', models.BooleanField(help_text='false when a hold was released')),
                ('reason', models.BigIntegerField()),
                ('invalidity_date', models.DateTimeField(null=True)),
                ('at', models.DateTimeField()),
                ('chain', models.BinaryField(help_text='where the commit has left its audit writer: no other history has it')),
                ('certificate', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='store.certificate')),
                ('generation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='store.authoritygeneration')),
            ],
            options={
                'db_table': 'status_change',
                'indexes': [models.Index(fields=['generation', 'crl_shard', 'seq'], name='status_change_shard')],
            },
        ),
        migrations.CreateModel(
            name='TeamMember',
            fields=[
                ('id', certwright.store.fields.IdentifierField(primary_key=True, serialize=False)),
                ('origin', models.CharField(default='local', help_text='who says so, as of an account', max_length=100)),
                ('team', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='store.team')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'db_table': 'team_member',
                'constraints': [models.UniqueConstraint(fields=('team', 'user', 'origin'), name='team_member_once')],
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
        IndexByBeginning('certificate_name_value', 'certificate_name', '"value"'),
        IndexByBeginning('certificate_subject', 'certificate', 'lower("subject")', """NOT ("subject" = '')"""),
    ]
