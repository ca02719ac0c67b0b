"""A query as SQL: what is asked of each certificate, and what an index answers at once.

Whatever was typed is a parameter; the text is made of pieces that stand here. No condition is ever NULL, so
that NOT turns it round. Letters are the same in either case as far as they are ASCII, on both databases.
"""

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ..core.custom_fields import FieldKind
from ..core.errors import Malformed
from ..core.names import IdentifierKind, parse_identifier
from ..core.query import All, Either, Not, Query, Term, Text, bounds
from ..core.query_fields import (
    CUSTOM,
    YES,
    Choice,
    Compared,
    KeySize,
    Kind,
    Network,
    Number,
    Octets,
    Pattern,
    Presence,
    Span,
)
from ..core.revocation import Reason
from ..core.standing import Standing

SOON = timedelta(days=30)
DIGITS_LEAST = 4
_LAST = "\U0010ffff"
_HEXADECIMAL = re.compile(rf"[0-9a-f]{{{DIGITS_LEAST},64}}")
_DATES = {"expires": "not_after", "begins": "not_before", "issued": "issued_at"}
_SIGHTING = 'SELECT 1 FROM "sighting" s WHERE s."certificate_id" = "certificate"."id"'
_NAME = 'SELECT 1 FROM "certificate_name" n WHERE n."certificate_id" = "certificate"."id"'
_TAG = 'SELECT 1 FROM "certificate_tag" t WHERE t."certificate_id" = "certificate"."id"'
_FIELD = 'SELECT 1 FROM "certificate_field" v WHERE v."certificate_id" = "certificate"."id"'
_FINDING = 'SELECT 1 FROM "finding" f WHERE f."certificate_id" = "certificate"."id" AND f."closed_at" IS NULL'
_OURS = 'SELECT g."id" FROM "authority_generation" g'
_FOREIGN = """"standing" <> 'issued'"""


@dataclass(frozen=True, slots=True)
class Sql:
    """Text with `?` for the values."""

    text: str
    values: tuple[object, ...] = ()


TRUE, FALSE = Sql("1 = 1"), Sql("1 = 0")


def joined(word: str, parts: Iterable[Sql], empty: Sql) -> Sql:
    """`AND` or `OR` between the parts."""
    found = list(parts)
    if not found:
        return empty
    text = f" {word} ".join(f"({part.text})" for part in found)
    return Sql(text, tuple(value for part in found for value in part.values))


def all_of(*parts: Sql) -> Sql:
    return joined("AND", parts, TRUE)


def any_of(*parts: Sql) -> Sql:
    return joined("OR", parts, FALSE)


def name_of(text: str) -> str:
    """A DNS name as it is kept where it is one, otherwise in lower case."""
    try:
        return parse_identifier(IdentifierKind.DNS, text).value
    except Malformed:
        return text.lower()


@dataclass(frozen=True, slots=True)
class QuerySql:
    """The SQL of one database, at one moment. Columns are those of `certificate`."""

    sqlite: bool
    now: datetime

    # -- what is asked of each row -------------------------------------------------------------

    def condition(self, query: Query) -> Sql:
        """Of a row of `certificate`, which no other table stands beside."""
        match query:
            case Text():
                return any_of(*(where for where, _ in self._text(query.text)), self._named_so(query.text))
            case Not():
                inner = self.condition(query.part)
                return Sql(f"NOT ({inner.text})", inner.values)
            case Either():
                return any_of(*map(self.condition, query.parts))
            case All():
                places = [part for part in query.parts if _of_a_place(part)]
                others = [self.condition(part) for part in query.parts if part not in places]
                return all_of(*others, *([self._place(places)] if places else []))
        if query.field.kind is Kind.CUSTOM:
            found, absent = self._custom(query), query.value == Presence(present=False)
            return Sql(f"{'NOT ' if absent else ''}EXISTS ({_FIELD} AND ({found.text}))", found.values)
        return self._place([query]) if _of_a_place(query) else self._term(query)

    def _term(self, term: Term) -> Sql:
        name, value = term.name, term.value
        if isinstance(value, Choice):
            return self._choice(name, value.word)
        if name == "san":
            return self._names(value)
        if name in ("tag", "finding"):
            table, column = (_TAG, 't."tag"') if name == "tag" else (_FINDING, 'f."code"')
            return _exists(table, value, lambda pattern: self._word(column, pattern))
        if name in ("at", "place", "zone", "seen"):  # none
            return Sql(f'NOT EXISTS ({_SIGHTING} AND s."ended_at" IS NULL)')
        if isinstance(value, Octets):
            return self._octets(name, value)
        if name == "key":
            return self._key(value)
        if name == "lifetime":
            return self._lifetime(term)
        if name == "revoked":
            return self._revoked(term)
        if name in _DATES:
            return self._date(_DATES[name], term) if not isinstance(value, Presence) else _always(value)
        return self._text_column(term)

    def _text_column(self, term: Term) -> Sql:
        value, field = term.value, term.field
        if field.name == "responsible":
            either = [self._text_column(Term(name, ":", value)) for name in ("team", "owner")]
            return all_of(*either) if value == Presence(present=False) else any_of(*either)
        column = f'"{ {"signature": "signature_algorithm"}.get(field.name, field.name) }"'
        if isinstance(value, Presence):
            return Sql(f"{column} <> ''" if value.present else f"{column} = ''")
        assert isinstance(value, Pattern)
        if field.kind == "text":
            return self._like(column, ("", *value.parts, ""))
        return self._word(column, value)

    def _word(self, column: str, value: Pattern) -> Sql:
        if value.exact is not None:
            return Sql(f"{column} = ?", (value.exact,))
        return self._like(column, value.parts)

    def _like(self, column: str, parts: tuple[str, ...]) -> Sql:
        """Anything between the parts; ASCII letters in either case."""
        pattern = "%".join(re.sub(r"([\\%_])", r"\\\1", part) for part in parts)
        folded = f"lower({column})" if self.sqlite else f'lower({column} COLLATE "C")'
        return Sql(rf"{folded} LIKE ? ESCAPE '\'", (_ascii_lower(pattern),))

    def _begins(self, column: str, text: str) -> Sql:
        """PostgreSQL finds it by LIKE, whatever order its characters have, SQLite by comparing octets."""
        if self.sqlite:
            return Sql(f"{column} >= ? AND {column} < ?", (text, text + _LAST))
        return Sql(f"{column} LIKE ?", (re.sub(r"([\\%_])", r"\\\1", text) + "%",))

    def _custom(self, term: Term) -> Sql:
        """Of a row of `certificate_field`. What is compared is compared as what the field is."""
        named, value = Sql('v."field" = ?', (term.name.removeprefix(CUSTOM),)), term.value
        if isinstance(value, Presence):
            return named
        if isinstance(value, Pattern):
            return all_of(named, self._word('v."value"', value))
        assert isinstance(value, Compared)
        ways = []
        if value.number is not None:
            ways.append(Sql(f'v."number" IS NOT NULL AND v."number" {term.operator} ?', (value.number,)))
        if value.date is not None:
            days = [
                Sql(f'v."value" {operator} ?', (_day(moment, operator),))
                for operator, moment in bounds(term, self.now)
            ]
            ways.append(all_of(Sql('v."kind" = ?', (FieldKind.DATE.value,)), *days))
        return all_of(named, any_of(*ways))

    def _choice(self, name: str, word: str) -> Sql:
        if name == "standing":
            return Sql('"standing" = ?', (word,))
        if name == "managed":
            managed = Sql('"standing" IN (?, ?)', (Standing.ISSUED.value, Standing.ADOPTED.value))
            return managed if word == YES else Sql(f"NOT ({managed.text})", managed.values)
        if name == "ca":
            return Sql('"is_authority"' if word == YES else 'NOT "is_authority"')
        if name == "gone":
            gone = f'EXISTS ({_SIGHTING}) AND NOT EXISTS ({_SIGHTING} AND s."ended_at" IS NULL)'
            return Sql(gone if word == YES else f"NOT ({gone})")
        return self._status(word)

    def _status(self, word: str) -> Sql:
        hold = int(Reason.CERTIFICATE_HOLD)
        soon = Sql('"not_after" < ?', (self.now + SOON,))
        live = Sql('"revoked_at" IS NULL AND "not_after" > ?', (self.now,))
        return {
            "live": live,
            "expiring": all_of(live, soon),
            "expired": Sql('"not_after" <= ?', (self.now,)),
            "revoked": Sql(f'"revoked_at" IS NOT NULL AND coalesce("revocation_reason", 0) <> {hold}'),
            "hold": Sql(f'"revoked_at" IS NOT NULL AND coalesce("revocation_reason", 0) = {hold}'),
        }[word]

    def _date(self, column: str, term: Term) -> Sql:
        return all_of(
            *(Sql(f'"{column}" {operator} ?', (moment,)) for operator, moment in bounds(term, self.now))
        )

    def _revoked(self, term: Term) -> Sql:
        if isinstance(term.value, Presence):
            return Sql(f'"revoked_at" IS {"NOT " if term.value.present else ""}NULL')
        return all_of(Sql('"revoked_at" IS NOT NULL'), self._date("revoked_at", term))

    def _lifetime(self, term: Term) -> Sql:
        assert isinstance(term.value, Span)
        if self.sqlite:
            seconds = [
                f"CAST(strftime('%s', \"{column}\") AS INTEGER)" for column in ("not_after", "not_before")
            ]
            return Sql(f"{seconds[0]} - {seconds[1]} {term.operator} ?", (term.value.seconds,))
        length = 'extract(epoch FROM ("not_after" - "not_before"))::bigint'
        return Sql(f"{length} {term.operator} ?", (term.value.seconds,))

    def _octets(self, column: str, value: Octets) -> Sql:
        if value.begins:
            low, high = _between(value.digits)
            return Sql(f'"{column}" >= ? AND "{column}" < ?', (low, high))
        octets = bytes.fromhex(value.digits)
        if column == "serial":  # people leave the sign's octet out
            return Sql(f'"{column}" IN (?, ?)', (octets, b"\x00" + octets))
        return Sql(f'"{column}" = ?', (octets,))

    def _key(self, value: object) -> Sql:
        """Algorithms are `rsa-2048`. Numbers without zeros before them stand in the order of their length,
        then of their digits."""
        column = '"key_algorithm"'
        if isinstance(value, KeySize):
            size = f"{value.family}-{value.bits}"
            longer = value.operator[0]
            order = f"length({column}) {longer} ? OR (length({column}) = ? AND {column} {value.operator} ?)"
            family = self._begins(column, f"{value.family}-")
            return all_of(family, Sql(order, (len(size), len(size), size)))
        assert isinstance(value, Pattern)
        if value.exact is None:
            return self._like(column, value.parts)
        return any_of(self._word(column, value), self._begins(column, f"{value.exact}-"))

    # -- names and text ------------------------------------------------------------------------

    def _names(self, value: object) -> Sql:
        return _exists(_NAME, value, self._name)

    def _name(self, value: Pattern) -> Sql:
        """Of a row of `certificate_name`."""
        if value.exact is not None and not value.exact.startswith("."):
            return Sql('n."value" IN (?, ?)', (value.exact, name_of(value.exact)))
        below = value.exact or (value.parts[1] if value.parts[0] == "" and len(value.parts) == 2 else "")
        if below.startswith(".") and len(below) > 1:
            return self._below(name_of(below[1:]))
        if len(value.parts) == 2 and value.parts[0] and not value.parts[1]:
            return self._begins('n."value"', value.parts[0].lower())
        return self._like('n."value"', value.parts)

    def _below(self, name: str) -> Sql:
        """Names are stored back to front, so all below a domain are one range of an index."""
        return self._begins('n."reversed_value"', f"{_reversed(name)}.")

    def _named_so(self, text: str) -> Sql:
        names = self._names_found(text)
        return Sql(f"EXISTS ({_NAME} AND ({names.text}))", names.values)

    def _names_found(self, text: str) -> Sql:
        """Names that begin like this, are this, or are below it."""
        folded = text.lower()
        itself = Sql('n."reversed_value" = ?', (_reversed(folded.strip(".")),))
        return any_of(self._begins('n."value"', folded), itself, self._below(folded.strip(".")))

    def _text(self, text: str) -> list[tuple[Sql, Sql]]:
        """Besides names: each way that a text finds certificates, and the same for an index."""
        subject = self._begins('lower("subject")', f"cn={text.lower()}")
        found = [(subject, all_of(Sql("""NOT ("subject" = '')"""), subject))]
        digits = re.sub(r"[:\s]", "", text.lower())
        if _HEXADECIMAL.fullmatch(digits):
            low, high = _between(digits)
            fingerprint = Sql('"fingerprint" >= ? AND "fingerprint" < ?', (low, high))
            serial = Sql('"serial" >= ? AND "serial" < ?', (low, high))
            found += [(fingerprint, fingerprint), (serial, self._by_issuer(serial))]
        return found

    def _by_issuer(self, serial: Sql) -> Sql:
        """Serial numbers are unique within their issuer, and the index has them so."""
        ours = f'("generation_id" IN ({_OURS}) AND {serial.text})'
        return Sql(f'{ours} OR ("generation_id" IS NULL AND {serial.text})', serial.values * 2)

    # -- places --------------------------------------------------------------------------------

    def _place(self, terms: list[Query]) -> Sql:
        """All of one place at which it is now."""
        found = all_of(*(self._of_place(term) for term in terms if isinstance(term, Term)))
        return Sql(f'EXISTS ({_SIGHTING} AND s."ended_at" IS NULL AND ({found.text}))', found.values)

    def _of_place(self, term: Term) -> Sql:
        """Of a row of `sighting`."""
        value = term.value
        if isinstance(value, Presence):
            return TRUE
        if isinstance(value, Number):
            return Sql(f's."port" {term.operator.replace(":", "=")} ?', (value.number,))
        if isinstance(value, Network):
            return self._in_network(value)
        if term.name == "seen":
            return Sql(*_of_sighting(self._date("last_seen_at", term)))
        assert isinstance(value, Pattern)
        column = {"at": 's."host"', "place": 's."kind"', "zone": 's."zone"'}[term.name]
        if len(value.parts) == 2 and value.parts[0] and not value.parts[1] and term.name == "at":
            return self._begins(column, value.parts[0])
        return self._word(column, value)

    def _in_network(self, value: Network) -> Sql:
        """By how addresses begin, at most 128 ways; names that begin like an address are none."""
        column, network = 's."host"', value.network
        whole, rest = divmod(network.prefixlen, 8)
        octets = network.network_address.packed
        if whole == 4:
            return Sql(f"{column} = ?", (str(network.network_address),))
        numbers = range(octets[whole], octets[whole] + 2 ** (8 - rest)) if rest else [None]
        before = "".join(f"{octet}." for octet in octets[:whole])
        ways = [before if number is None else f"{before}{number}" for number in numbers]
        last = whole == 3
        found = [
            Sql(f"{column} = ?", (way,)) if last and rest else self._begins(column, way + "." * bool(rest))
            for way in ways
        ]
        digits = f"{column} NOT GLOB '*[^0-9.]*'" if self.sqlite else rf"{column} ~ '^[0-9.]+$'"
        return all_of(any_of(*found), Sql(digits))

    # -- what an index answers -----------------------------------------------------------------

    def parts(self, query: Query) -> list[list[Sql]]:
        """Of parts that must hold, those that an index answers: each as one or several questions for the
        identifiers of certificates, which together find all that it can hold for, and perhaps more."""
        found = map(self._ways, query.parts if isinstance(query, All) else (query,))
        return [ways for ways in found if ways is not None]

    def _ways(self, query: Query) -> list[Sql] | None:
        match query:
            case Text():
                names = self._names_found(query.text)
                return [_identifiers("certificate_name", "n", names)] + [
                    _certificates(where) for _, where in self._text(query.text)
                ]
            case All():
                return next((ways for part in query.parts if (ways := self._ways(part)) is not None), None)
            case Either():
                every = [self._ways(part) for part in query.parts]
                found = [ways for ways in every if ways is not None]
                return [way for ways in found for way in ways] if len(found) == len(every) else None
            case Term() if query.field.kind is Kind.CUSTOM:
                absent = query.value == Presence(present=False)
                return None if absent else [_identifiers("certificate_field", "v", self._custom(query))]
            case Term():
                return self._ways_of_term(query)
        return None

    def _ways_of_term(self, term: Term) -> list[Sql] | None:
        name, value = term.name, term.value
        if isinstance(value, Choice):
            return self._ways_of_choice(name, value.word)
        if isinstance(value, Octets):
            where = self._octets(name, value)
            return [_certificates(self._by_issuer(where) if name == "serial" else where)]
        if name == "finding":
            where = self._word('f."code"', value) if isinstance(value, Pattern) else TRUE
            wanted = all_of(Sql('f."closed_at" IS NULL'), where)
            return None if value == Presence(present=False) else [_identifiers("finding", "f", wanted)]
        if name == "revoked" and value != Presence(present=False):
            return [_certificates(all_of(Sql('"revoked_at" IS NOT NULL'), self._revoked(term)))]
        if name == "at" and not isinstance(value, Presence):
            where = all_of(self._of_place(term), Sql('s."ended_at" IS NULL'))
            return [_identifiers("sighting", "s", where)] if _has_beginning(value) else None
        return self._ways_of_word(name, value) if isinstance(value, Pattern) else None

    def _ways_of_word(self, name: str, value: Pattern) -> list[Sql] | None:
        if name == "san":
            indexed = _has_beginning(value) or (value.parts[0] == "" and value.parts[-1].startswith("."))
            way = _identifiers("certificate_name", "n", self._name(value))
            return [way] if indexed and len(value.parts) <= 2 else None
        if value.exact is None or not value.exact:
            return None
        if name == "tag":
            return [_identifiers("certificate_tag", "t", Sql('t."tag" = ?', (value.exact,)))]
        columns = {"team": ("team",), "owner": ("owner",), "responsible": ("team", "owner")}.get(name)
        return [held(column, value.exact) for column in columns] if columns else None

    def _ways_of_choice(self, name: str, word: str) -> list[Sql] | None:
        if (name == "standing" and word != Standing.ISSUED) or (name, word) == ("managed", "no"):
            return [_certificates(all_of(Sql(_FOREIGN), self._choice(name, word)))]
        if name == "status" and word in ("revoked", "hold"):
            return [_certificates(self._status(word))]
        return None


def _always(value: Presence) -> Sql:
    """Every certificate has such a date."""
    return TRUE if value.present else FALSE


def _of_a_place(query: Query) -> bool:
    return isinstance(query, Term) and query.field.of_place and query.value != Presence(present=False)


def _exists(table: str, value: object, where: Callable[[Pattern], Sql]) -> Sql:
    if isinstance(value, Presence):
        return Sql(f"{'' if value.present else 'NOT '}EXISTS ({table})")
    assert isinstance(value, Pattern)
    found = where(value)
    return Sql(f"EXISTS ({table} AND ({found.text}))", found.values)


def _of_sighting(where: Sql) -> tuple[str, tuple[object, ...]]:
    return where.text.replace('"last_seen_at"', 's."last_seen_at"'), where.values


def _day(moment: datetime, operator: str) -> str:
    """A moment as days are compared with it: its own is before it once it has begun, and not yet past."""
    day = moment.astimezone(UTC)
    begun = day != day.replace(hour=0, minute=0, second=0, microsecond=0)
    return (day + timedelta(days=1) if begun and operator == "<" else day).date().isoformat()


def _has_beginning(value: object) -> bool:
    if isinstance(value, Network):
        return value.network.prefixlen >= 8
    return isinstance(value, Pattern) and bool(value.parts[0])


def _between(digits: str) -> tuple[bytes, bytes]:
    """Between which octets are those that begin with these digits, at most 65 of them."""
    odd = len(digits) % 2
    return bytes.fromhex(digits + "0" * odd), bytes.fromhex(digits + "f" * odd) + b"\xff" * 65


def _reversed(name: str) -> str:
    return ".".join(reversed(name.split(".")))


def _ascii_lower(text: str) -> str:
    return text.encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass")


def _certificates(where: Sql) -> Sql:
    return Sql(f'SELECT "id" FROM "certificate" WHERE {where.text}', where.values)


def _identifiers(table: str, alias: str, where: Sql) -> Sql:
    text = f'SELECT {alias}."certificate_id" FROM "{table}" {alias} WHERE {where.text}'
    return Sql(text, where.values)


def defined_fields(names: Collection[str]) -> Sql:
    """Which of these fields of the organization's own there are."""
    marks = ", ".join("?" * len(names))
    return Sql(f'SELECT "name" FROM "custom_field" WHERE "name" IN ({marks})', tuple(sorted(names)))


def held(column: str, name: str) -> Sql:
    """By owner or team. The index leaves out those without, which is said again so that it is used."""
    return Sql(f"""SELECT "id" FROM "certificate" WHERE "{column}" = ? AND NOT ("{column}" = '')""", (name,))


def tagged(tag: str) -> Sql:
    return _identifiers("certificate_tag", "t", Sql('t."tag" = ?', (tag,)))
