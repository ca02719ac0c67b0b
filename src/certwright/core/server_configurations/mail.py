"""Postfix (postconf(5)) and Dovecot (SSL configuration, of 2.3 and of 2.4)."""

import re
from collections.abc import Iterator

from .loading import Loader, Served, absolute, folder_of, split_line, words

_REFERENCE = re.compile(r"\$(?:\{(\w+)\}|\((\w+)\)|(\w+))")
_EXPANSIONS_MAX = 10
_VALUE_MAX, _NAMED_MAX = 10_000, 500
_PAIRS = (
    ("smtpd_tls_cert_file", "smtpd_tls_key_file"),
    ("smtpd_tls_eccert_file", "smtpd_tls_eckey_file"),
    ("smtpd_tls_dcert_file", "smtpd_tls_dkey_file"),
)
_SNI = "tls_server_sni_maps"


def read_postfix(root: str, loader: Loader) -> Iterator[Served]:
    """main.cf. Raises TooLarge, Malformed."""
    values: dict[str, tuple[str, str]] = {}
    for path, text in loader.included(root, root):
        for number, line in _joined(text):
            name, sign, value = line.partition("=")
            if sign:
                values[name.strip()] = value.strip(), f"{path}:{number}"

    def of(name: str) -> list[str]:
        return (
            re.split(r"[,\s]+", _expanded(values.get(name, ("", ""))[0], values).strip())
            if name in values
            else []
        )

    names, folder = words([one for one in of("myhostname") if one]), folder_of(root)
    chains = [one for one in of("smtpd_tls_chain_files") if one]
    for chain in chains:
        yield Served("postfix", absolute(chain, folder), values["smtpd_tls_chain_files"][1], "", names)
    for certificate, key in () if chains else _PAIRS:
        for file in of(certificate):
            if file and file != "none":
                keys = [absolute(one, folder) for one in of(key) if one and one != file]
                place = values[certificate][1]
                yield Served("postfix", absolute(file, folder), place, keys[0] if keys else "", names)
    for table in of(_SNI):
        yield from _sni(table.partition(":")[2], values[_SNI][1], loader)


def _sni(path: str, place: str, loader: Loader) -> Iterator[Served]:
    """A table of names and files, from the text that it is made of."""
    for source, text in loader.included(path, place) if path.startswith("/") else ():
        for number, line in _joined(text):
            name, *files = re.split(r"[,\s]+", line.strip())
            for file in files:
                if file.startswith("/"):
                    yield Served("postfix", absolute(file, "/"), f"{source}:{number}", "", (name,))


def _joined(text: str) -> Iterator[tuple[int, str]]:
    """A line that begins with white space goes on with the one before."""
    parts: list[str] = []
    start = 1
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if parts and not line[0].isspace():
            yield start, "".join(parts)
            parts = []
        start = start if parts else number
        parts.append(line)
    if parts:
        yield start, "".join(parts)


def _expanded(value: str, values: dict[str, tuple[str, str]]) -> str:
    for _ in range(_EXPANSIONS_MAX):
        again = _REFERENCE.sub(lambda found: _short(values, found[1] or found[2] or found[3]), value)
        if again == value or len(value) > _VALUE_MAX:
            break
        value = again
    return value


def _short(values: dict[str, tuple[str, str]], name: str) -> str:
    return values.get(name, ("", ""))[0][:_NAMED_MAX]


# -- Dovecot -------------------------------------------------------------------------------------


def read_dovecot(root: str, loader: Loader) -> Iterator[Served]:
    """dovecot.conf. Raises TooLarge, Malformed."""
    found: dict[tuple[str, ...], dict[str, tuple[str, str]]] = {}
    _gather(root, root, [], found, loader)
    for blocks, values in found.items():
        for certificate, key in (("ssl_cert", "ssl_key"), ("ssl_server_cert_file", "ssl_server_key_file")):
            path, place = values.get(certificate, ("", ""))
            if not path:
                continue
            key_path = values.get(key, found.get((), {}).get(key, ("", "")))[0]
            names = words(
                [name for block in blocks if block.startswith("local_name ") for name in block.split()[1:]]
            )
            listen = words([block.split()[1] for block in blocks if block.startswith("local ")])
            yield Served("dovecot", path, place, "" if key_path == path else key_path, names, listen)


def _gather(
    pattern: str,
    at: str,
    blocks: list[str],
    found: dict[tuple[str, ...], dict[str, tuple[str, str]]],
    loader: Loader,
) -> None:
    for path, text in loader.included(pattern, at):
        depth = len(blocks)
        for number, line in enumerate(text.splitlines(), 1):
            parts = split_line(line.replace("{", " { ").replace("}", " } "))
            if not parts:
                continue
            if parts[0] in {"!include", "!include_try"} and len(parts) > 1:
                if parts[0] == "!include" or loader.expand(f"{absolute(parts[1], folder_of(path))}*"):
                    _gather(absolute(parts[1], folder_of(path)), f"{path}:{number}", blocks, found, loader)
            elif parts[-1] == "{":
                blocks.append(" ".join(parts[:-1]))
            elif parts[0] == "}":
                del blocks[max(depth, len(blocks) - 1) :]
            elif len(parts) > 2 and parts[1] == "=" and parts[0].startswith("ssl_"):
                value = "".join(parts[2:])
                file = value.lstrip("<") if value.startswith("<") or parts[0].endswith("_file") else ""
                if file:
                    place = f"{path}:{number}"
                    found.setdefault(tuple(blocks), {})[parts[0]] = absolute(file, folder_of(path)), place
        del blocks[depth:]
