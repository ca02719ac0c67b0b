"""A profile in words: what goes into a certificate of it."""

from collections.abc import Iterator

from django.utils.translation import gettext as _

from ...core.distinguished_name import short_name
from ...core.documents import duration
from ...core.extensions import purpose_name
from ...core.profile import BeyondIssuer, MustStaple, Profile, Source, SubjectAttribute, Unlisted

Said = tuple[str, list[str]]


def in_words(profile: Profile) -> list[Said]:
    """Titles, each with lines."""
    return [
        (_("Keys taken"), [", ".join(sorted(profile.keys))]),
        (_("Lasting"), list(_lifetime(profile))),
        (_("Subject"), list(_subject(profile))),
        (_("Names"), list(_names(profile))),
        (_("Used for"), list(_uses(profile))),
        (_("Points at"), [", ".join(sorted(profile.pointers)) or _("nothing")]),
        *_more(profile),
    ]


def _lifetime(profile: Profile) -> Iterator[str]:
    rules = profile.lifetime
    days = {"default": duration(rules.default), "maximum": duration(rules.maximum)}
    yield _("%(default)s unless asked otherwise, %(maximum)s at the most") % days
    if rules.backdate:
        yield _("begins %s before it is made, for clocks that run behind") % duration(rules.backdate)
    if rules.beyond_issuer is BeyondIssuer.CLAMP:
        yield _("ends with its issuer at the latest")
    else:
        yield _("refused where it would outlast its issuer")


def _subject(profile: Profile) -> Iterator[str]:
    for rule in profile.subject:
        yield _attribute(rule)
    if not profile.subject:
        yield _("empty: the names say all")
    if profile.unlisted is Unlisted.REFUSE:
        yield _("a request with any other attribute is refused")
    else:
        yield _("any other attribute of the request is left out")


def _attribute(rule: SubjectAttribute) -> str:
    name = short_name(rule.oid)
    if rule.source is Source.FIXED:
        return _("%(name)s is always %(value)s") % {"name": name, "value": rule.value}
    if rule.source is Source.FIRST_NAME:
        return _("%s is the first name") % name
    told = _("%s as the request has it") % name
    if rule.required:
        told += _(", and it must")
    return told + (_(", up to %d times") % rule.maximum if rule.maximum > 1 else "")


def _names(profile: Profile) -> Iterator[str]:
    rules = profile.names
    if not rules.kinds:
        yield _("none")
        return
    counts = {"least": rules.minimum, "most": rules.maximum, "kinds": ", ".join(sorted(rules.kinds))}
    yield _("%(least)d to %(most)d of %(kinds)s") % counts
    if rules.required:
        yield _("at least one is of %s") % ", ".join(sorted(rules.required))
    yield _("wildcards are taken") if rules.wildcards else _("wildcards are not taken")
    if rules.from_subject:
        yield _("a common name or mail address in the subject joins them")


def _uses(profile: Profile) -> Iterator[str]:
    usage = profile.key_usage
    if usage.always:
        yield ", ".join(sorted(usage.always))
    for family, uses in usage.by_key:
        more = {"family": family, "uses": ", ".join(sorted(uses))}
        yield _("with keys of %(family)s also %(uses)s") % more
    if profile.purposes:
        critical = _(" (critical)") if profile.purposes_critical else ""
        yield ", ".join(purpose_name(oid) for oid in profile.purposes) + critical
    if profile.is_authority:
        assert profile.basic_constraints is not None
        length = profile.basic_constraints.path_length
        yield _("signs other certificates")
        yield (
            _("authorities below it: any")
            if length is None
            else _("steps of authorities below it: %d") % length
        )


def _more(profile: Profile) -> Iterator[Said]:
    """What few profiles have."""
    if profile.policies:
        yield _("Policies"), [f"{one.oid} {one.cps}".strip() for one in profile.policies]
    if constraints := profile.name_constraints:
        permitted = [f"{_('permitted')} {tree.kind}:{tree.base}" for tree in constraints.permitted]
        excluded = [f"{_('excluded')} {tree.kind}:{tree.base}" for tree in constraints.excluded]
        yield _("Name constraints"), permitted + excluded
    if profile.must_staple is MustStaple.ALWAYS:
        yield _("Must staple"), [_("always: servers send a fresh OCSP answer with it, or nobody accepts it")]
    elif profile.must_staple is MustStaple.ON_REQUEST:
        yield _("Must staple"), [_("where the request asks for it")]
    if profile.ocsp_nocheck:
        yield _("OCSP"), [_("nobody asks for its own status")]
    if profile.extensions:
        yield (
            _("Further extensions"),
            [f"{one.oid}: {one.value.encode().hex()}" for one in profile.extensions],
        )
    checks = [_("RFC 5280"), *sorted(profile.lints)]
    yield _("Checked against"), [", ".join(checks)]
