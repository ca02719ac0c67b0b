"""What a dangerous act would touch, in words, from the very document that is confirmed."""

from collections.abc import Callable, Mapping
from typing import Any

from .second_person import Kind

Arguments = Mapping[str, Any]


def in_words(kind: Kind, arguments: Arguments) -> list[str]:
    """Lines for a person; the first says what is done, the others to what."""
    return _WORDS[kind](arguments)


def _found(given: Arguments) -> list[str]:
    if "csr_spki_sha256" in given:
        key = f"Key: {given['algorithm']}, SHA-256 {given['csr_spki_sha256']}"
        return [
            f"Certify {given['subject']}, an outside authority, by authority {given['parent']}",
            key,
            *_facts(given, ("profile", "days", "terms")),
        ]
    signer = given["parent"] or ("itself" if given["kind"] == "root" else "an outside authority")
    lines = [f"Found the {given['kind']} authority {given['name']}, signed by {signer}"]
    return lines + _facts(given, ("subject", "algorithm", "key_provider", "profile", "terms", "crl_shards"))


def _imported(given: Arguments) -> list[str]:
    lines = [f"Take over the {given['kind']} authority {given['name']} with its key"]
    names = ("subject", "algorithm", "key_provider", "certificate_sha256", "chain_sha256", "last_list_sha256")
    return lines + _facts(given, names)


def _retired(given: Arguments) -> list[str]:
    if "certificate" not in given:
        return [f"Retire authority {given['name']}: it issues no more"]
    line = f"Revoke the certificate of authority {given['name']} ({given['reason']}): it issues no more"
    return [line, f"Certificate: {given['certificate']}"]


def _policy(given: Arguments) -> list[str]:
    changes = given["changes"]
    lines = [f"Put other rules of issuance in force, in place of version {given['based_on']}"]
    lines += [f"New rule: {name}" for name in changes["added"]]
    lines += [f"Rule taken away: {name}" for name in changes["removed"]]
    for one in changes["changed"]:
        fields = [f"{part['path']} from {part['before']} to {part['after']}" for part in one["fields"]]
        lines.append(f"Rule changed: {one['rule']}: {'; '.join(fields)}")
    lines += ["The order of the rules changes"] * bool(changes["reordered"])
    lines += ["Even if that stops the renewal of certificates of our own"] * bool(given["anyway"])
    return lines + [f"Reason: {given['comment']}"] * bool(given["comment"])


def _roles(given: Arguments) -> list[str]:
    if given["act"] in ("add", "remove"):
        way = "Put {user} in" if given["act"] == "add" else "Take {user} out of"
        line = f"{way} team {{team}}".format(**given)
        return [line, *(f"Role of the team: {one}" for one in given["grants"])]
    if given["act"] == "token":
        line = "Make the token {name}".format(**given) + f" of {given['account']}" * bool(given["account"])
        return [line, *(f"Role of the token: {one}" for one in given["grants"])]
    if given["act"] == "deputy":
        return ["Have {deputy} approve in the place of {user}, until {until}".format(**given)]
    way = (
        "Give {holder} the role {role}"
        if given["act"] == "give"
        else "Withdraw the role {role} from {holder}"
    )
    return [f"{way} within {{scope}}".format(**given)]


def _revoked(given: Arguments) -> list[str]:
    chosen = given["certificates"]
    first = f"Revoke {len(chosen)} certificates, each for good unless it is put on hold: {given['reason']}"
    return [first, *(f"{one['subject'] or 'no subject'} (serial {one['serial']})" for one in chosen)]


def _login(given: Arguments) -> list[str]:
    if given["act"] == "factors":
        return [f"Take authenticator, passkeys and recovery codes from account {given['account']}"]
    return [f"Give account {given['account']} another password"]


def _relaxed(given: Arguments) -> list[str]:
    return [
        "Ask for a second person less often",
        f"Until now for: {', '.join(given['before'])}, holding {given['hours_before']} hours",
        f"From then on for: {', '.join(given['kinds']) or 'nothing'}, holding {given['hours']} hours",
    ]


def _facts(given: Arguments, names: tuple[str, ...]) -> list[str]:
    return [f"{name.replace('_', ' ').capitalize()}: {given[name]}" for name in names if given.get(name)]


_WORDS: dict[Kind, Callable[[Arguments], list[str]]] = {
    Kind.FOUND_AUTHORITY: _found,
    Kind.IMPORT_AUTHORITY: _imported,
    Kind.RETIRE_AUTHORITY: _retired,
    Kind.CHANGE_POLICY: _policy,
    Kind.CHANGE_ROLES: _roles,
    Kind.BULK_REVOKE: _revoked,
    Kind.RESET_LOGIN: _login,
    Kind.RELAX_RULE: _relaxed,
}
