"""Tars and manifests of images, for `readers`."""

import io
import json
import tarfile


def tar(form: int) -> bytes:
    """With a name that needs headers of its own."""
    octets = io.BytesIO()
    with tarfile.open(fileobj=octets, mode="w", format=form) as archive:
        for name in ("a/b.pem", f"{'long/' * 30}ä.pem"):
            member = tarfile.TarInfo(name)
            member.size = 9
            archive.addfile(member, io.BytesIO(b"some text"))
    return octets.getvalue()


GNU, PAX = tar(tarfile.GNU_FORMAT), tar(tarfile.PAX_FORMAT)
DIGEST = f"sha256:{'0123456789abcdef' * 4}"
MANIFESTS = tuple(
    json.dumps(document).encode()
    for document in (
        {
            "manifests": [
                {"digest": DIGEST, "annotations": {"org.opencontainers.image.ref.name": "toy"}},
            ]
        },
        {"layers": [{"digest": DIGEST, "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip"}]},
        [{"Config": DIGEST, "RepoTags": ["toy:1"], "Layers": ["one/layer.tar"]}],
    )
)
