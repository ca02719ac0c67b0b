"""What an image of a container is made of: OCI Image Format 1.1 (index, manifest), and `manifest.json` as
`docker save` writes it.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .errors import Malformed, TooLarge

LAYERS_MAX = 1_000
MANIFESTS_MAX = 500
INDEXES_DEEP_MAX = 4
NAMES_MAX = 20
NAME_CHARACTERS_MAX = 300
_DIGEST = re.compile(r"(sha256|sha512):([0-9a-f]{64,128})")
_NAMES = ("io.containerd.image.name", "org.opencontainers.image.ref.name")


@dataclass(frozen=True, slots=True)
class Layer:
    """`name` is where its blob is, from the root of the layout; `digest` is what the image says of it, and is
    not checked."""

    digest: str
    name: str


@dataclass(frozen=True, slots=True)
class Image:
    """`names` as it is tagged with, its `layers` from the lowest to the uppermost."""

    names: tuple[str, ...]
    layers: tuple[Layer, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """A manifest or an index, by the name of its blob."""

    name: str
    names: tuple[str, ...]


def blob_name(digest: object) -> str:
    """Where a layout keeps a blob (OCI image layout, "Blobs"). Raises Malformed for what is no digest."""
    found = _DIGEST.fullmatch(digest) if isinstance(digest, str) else None
    if found is None:
        raise Malformed(f"{str(digest)[:80]!r} is no digest")
    return f"blobs/{found[1]}/{found[2]}"


def read_document(octets: bytes) -> Any:
    """Raises Malformed."""
    try:
        return json.loads(octets)
    except (ValueError, RecursionError) as error:
        raise Malformed("what describes the image is no JSON") from error


def references_in(document: Any) -> list[Reference]:
    """What an index leads to; nothing where it is a manifest. Raises Malformed, TooLarge."""
    listed = _list(document, "manifests")
    if len(listed) > MANIFESTS_MAX:
        raise TooLarge(f"its index names {len(listed)} manifests; at most {MANIFESTS_MAX} are read")
    return [Reference(blob_name(_get(one, "digest")), _names(_get(one, "annotations"))) for one in listed]


def image_of(document: Any, names: tuple[str, ...]) -> Image:
    """The image of a manifest. What is no file system (a proof of how it was built) is no layer. Raises
    Malformed, TooLarge."""
    listed = _list(document, "layers")
    _check_count(len(listed))
    tars = [one for one in listed if "tar" in str(_get(one, "mediaType") or "tar")]
    layers = [Layer(str(_get(one, "digest")), blob_name(_get(one, "digest"))) for one in tars]
    return Image(names, tuple(layers))


def saved_images(document: Any) -> Iterator[tuple[str, tuple[str, ...], list[str]]]:
    """Of `manifest.json`: where the configuration of each image is, its names, and where its layers are.
    Raises Malformed, TooLarge."""
    if not isinstance(document, list) or len(document) > MANIFESTS_MAX:
        raise Malformed(f"manifest.json is no list of at most {MANIFESTS_MAX} images")
    for one in document:
        layers = _list(one, "Layers")
        _check_count(len(layers))
        if not all(isinstance(layer, str) for layer in layers):
            raise Malformed("a layer of manifest.json has no name")
        yield str(_get(one, "Config")), _bounded(_list(one, "RepoTags")), layers


def saved_image(names: tuple[str, ...], layers: list[str], configuration: Any) -> Image:
    """Its layers, called by the digests of what they hold unpacked, as its configuration tells them."""
    digests = _list(_get(configuration, "rootfs"), "diff_ids")
    found = []
    for number, name in enumerate(layers):
        digest = digests[number] if number < len(digests) else ""
        known = isinstance(digest, str) and _DIGEST.fullmatch(digest)
        found.append(Layer(digest if known else name, name))
    return Image(names, tuple(found))


def _check_count(layers: int) -> None:
    if layers > LAYERS_MAX:
        raise TooLarge(f"an image of {layers} layers; of at most {LAYERS_MAX} are looked at")


def _names(annotations: Any) -> tuple[str, ...]:
    found = (_get(annotations, key) for key in _NAMES)
    return next((_bounded([one]) for one in found if isinstance(one, str) and one), ())


def _bounded(names: list[Any]) -> tuple[str, ...]:
    return tuple(_printable(one[:NAME_CHARACTERS_MAX]) for one in names[:NAMES_MAX] if isinstance(one, str))


def _printable(text: str) -> str:
    return "".join(one if one.isprintable() else "\ufffd" for one in text)


def _get(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, Mapping) else None


def _list(value: Any, key: str) -> list[Any]:
    found = _get(value, key)
    return found if isinstance(found, list) else []
