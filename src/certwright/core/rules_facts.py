"""What a rule of the issuance policy can speak of: one issuance, planned or long past."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from .distinguished_name import NO_NAME, DistinguishedName, parse_name
from .errors import IntegrityError
from .keys import KeyAlgorithm
from .lifetimes import lifetime_of
from .names import Identifier, IdentifierKind


class Validation(StrEnum):
    """How far the identity behind a request was checked, each level including those before."""

    NONE = "none"
    DOMAIN = "domain"
    ORGANIZATION = "organization"
    EXTENDED = "extended"

    def reaches(self, least: "Validation") -> bool:
        """Is it that level, or one that includes it?"""
        return _LEVELS[self] >= _LEVELS[least]


_LEVELS = {level: number for number, level in enumerate(Validation)}


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuanceFacts:
    """One issuance. What it is without is empty text.

    `endpoint` is protocol/name. `origin` is the protocol or surface it came by: `acme`, `rest`, `cli`,
    `console`. `requester` is the actor's name (`local:alice`, `token:deploy`), `owner` that of a user.
    `lifetime` is in seconds, both ends included. `at` is the moment of issuance, in UTC. `fields` are custom
    fields. `missing` says in plain words what stands before each level beyond `validation`.
    """

    profile: str
    authority: str
    origin: str
    requester: str
    algorithm: KeyAlgorithm
    lifetime: int
    at: datetime
    endpoint: str = ""
    team: str = ""
    owner: str = ""
    names: tuple[Identifier, ...] = ()
    subject: DistinguishedName = NO_NAME
    tags: frozenset[str] = frozenset()
    validation: Validation = Validation.NONE
    fields: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[Validation, tuple[str, ...]] = field(default_factory=dict)


class StoredFacts:
    """The same of a certificate on record, from its columns; names and subject are read when a rule asks.

    `names` are pairs of kind and value in normal form, as stored; `subject` is RFC 4514 text. `names` raises
    IntegrityError for a kind that nobody knows, `subject` Malformed for text that is no name.
    """

    __slots__ = (
        *("profile", "authority", "endpoint", "origin", "requester", "team", "owner", "algorithm"),
        *(
            "lifetime",
            "at",
            "tags",
            "validation",
            "fields",
            "missing",
            "_stored_names",
            "_names",
            "_subject_text",
            "_subject",
        ),
    )

    def __init__(
        self,
        *,
        profile: str,
        authority: str,
        origin: str,
        requester: str,
        key_algorithm: str,
        not_before: datetime,
        not_after: datetime,
        issued_at: datetime,
        endpoint: str = "",
        team: str = "",
        owner: str = "",
        names: Sequence[tuple[str, str]] = (),
        subject: str = "",
        tags: frozenset[str] = frozenset(),
        validation: Validation = Validation.NONE,
        fields: Mapping[str, str] | None = None,
    ) -> None:
        self.profile, self.authority, self.endpoint, self.origin = profile, authority, endpoint, origin
        self.requester, self.team, self.owner, self.tags = requester, team, owner, tags
        self.algorithm = key_algorithm
        self.lifetime = lifetime_of(not_before, not_after)
        self.at = issued_at
        self.validation = validation
        self.fields = fields or {}
        self.missing: Mapping[Validation, tuple[str, ...]] = {}
        self._stored_names, self._subject_text = names, subject
        self._names: tuple[Identifier, ...] | None = None
        self._subject: DistinguishedName | None = None

    @property
    def names(self) -> tuple[Identifier, ...]:
        if self._names is None:
            self._names = tuple([_stored_name(kind, value) for kind, value in self._stored_names])
        return self._names

    @property
    def subject(self) -> DistinguishedName:
        if self._subject is None:
            self._subject = parse_name(self._subject_text)
        return self._subject


Facts = IssuanceFacts | StoredFacts


def _stored_name(kind: str, value: str) -> Identifier:
    try:
        return Identifier(IdentifierKind(kind), value)
    except ValueError:
        raise IntegrityError(f"a name on record is of the unknown kind {kind[:40]!r}") from None
