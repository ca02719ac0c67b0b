"""What AWS answers: JSON, or XML of which nothing but elements and their text is read."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from ....core.egress import Unreached

ELEMENTS_MAX = 200_000
DEPTH_MAX = 40


@dataclass(slots=True)
class Element:
    """An element by its local name. `text` is what stands in it before, between and after its children."""

    name: str
    text: str = ""
    children: list["Element"] = field(default_factory=list)

    def every(self, *path: str) -> Iterator["Element"]:
        """The elements at the end of a path."""
        if not path:
            yield self
            return
        for child in self.children:
            if child.name == path[0]:
                yield from child.every(*path[1:])

    def value(self, *path: str) -> str:
        """The text of the first element at the end of a path; empty where there is none."""
        return next((one.text.strip() for one in self.every(*path)), "")

    def values(self, *path: str) -> list[str]:
        return [one.text.strip() for one in self.every(*path)]


class _Builder:
    def __init__(self) -> None:
        self.root = Element("")
        self._open = [self.root]
        self._left = ELEMENTS_MAX

    def start(self, name: str, _attributes: object) -> None:
        self._left -= 1
        if self._left < 0 or len(self._open) > DEPTH_MAX:
            raise Unreached("connection", "the answer is XML with too many elements")
        element = Element(name.rpartition(":")[2])
        self._open[-1].children.append(element)
        self._open.append(element)

    def end(self, _name: str) -> None:
        self._open.pop()

    def text(self, text: str) -> None:
        self._open[-1].text += text

    def refuse(self, *_arguments: object) -> int:
        raise Unreached("connection", "the answer is XML that declares entities")


def xml_root(octets: bytes) -> Element:
    """Raises Unreached for what is no XML, is too deep or large, or declares entities."""
    parser, builder = expat.ParserCreate(), _Builder()
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = builder.start, builder.end
    parser.CharacterDataHandler = builder.text
    parser.EntityDeclHandler = parser.UnparsedEntityDeclHandler = builder.refuse
    parser.ExternalEntityRefHandler = parser.SkippedEntityHandler = builder.refuse
    try:
        parser.Parse(octets, True)
    except (expat.ExpatError, ValueError) as error:
        raise Unreached("connection", "the answer is no XML") from error
    return builder.root.children[0]
