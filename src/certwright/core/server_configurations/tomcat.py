"""Tomcat: the connectors of server.xml. A document that declares entities is not read at all."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from ..errors import Malformed
from .loading import Loader, Served, absolute, folder_of, words

_FILES = (
    ("certificateFile", "certificateKeyFile"),
    ("certificateKeystoreFile", ""),
    ("SSLCertificateFile", "SSLCertificateKeyFile"),
    ("keystoreFile", ""),
)
_HOME = re.compile(r"\$\{catalina\.(?:base|home)\}")


@dataclass(slots=True)
class _Elements:
    """What the parser has come through. `around` are the elements that are open, with their attributes."""

    base: str
    path: str
    loader: Loader
    parser: expat.XMLParserType
    around: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    found: list[Served] = field(default_factory=list)

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.around.append((name, attributes))
        if name in {"Connector", "Certificate"}:
            for certificate, key in _FILES:
                if certificate in attributes:
                    self._add(attributes[certificate], attributes.get(key, ""), attributes)

    def end(self, _name: str) -> None:
        self.around.pop()

    def refuse(self, *_arguments: object) -> int:
        raise Malformed(f"{self.path}: it declares entities, which are not read")

    def _add(self, certificate: str, key: str, attributes: dict[str, str]) -> None:
        place = f"{self.path}:{self.parser.CurrentLineNumber}"
        path, key_path = self._path(certificate), self._path(key) if key else ""
        if "${" in path or ":/" in path[1:]:
            self.loader.unknown(place)
            return
        names = [
            one["hostName"] for name, one in self.around if name == "SSLHostConfig" and "hostName" in one
        ]
        listen = [
            f"{one.get('address', '')}:{one['port']}"
            for name, one in self.around
            if name == "Connector" and "port" in one
        ]
        alias = attributes.get("certificateKeyAlias", attributes.get("keyAlias", ""))
        key_path = "" if key_path == path or "${" in key_path else key_path
        self.found.append(Served("tomcat", path, place, key_path, words(names), words(listen), alias))

    def _path(self, value: str) -> str:
        return absolute(_HOME.sub(lambda _: self.base, value.removeprefix("file:")), self.base)


def read_tomcat(root: str, loader: Loader) -> Iterator[Served]:
    """Raises Malformed for what is no XML or declares entities, TooLarge."""
    for path, text in loader.included(root, root):
        parser = expat.ParserCreate()
        elements = _Elements(folder_of(folder_of(root)), path, loader, parser)
        parser.StartElementHandler, parser.EndElementHandler = elements.start, elements.end
        parser.EntityDeclHandler = parser.UnparsedEntityDeclHandler = elements.refuse
        parser.ExternalEntityRefHandler = parser.SkippedEntityHandler = elements.refuse
        try:
            parser.Parse(text.encode(errors="replace"), True)
        except expat.ExpatError as error:
            raise Malformed(f"{path}:{error.lineno}: it is no XML") from error
        yield from elements.found
