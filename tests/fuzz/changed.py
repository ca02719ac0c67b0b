"""What atheris makes of good octets."""

import atheris


def changed(data: atheris.FuzzedDataProvider, good: bytes) -> bytes:
    """The octets with a few changed, removed, put in or said twice."""
    octets = bytearray(good)
    for _ in range(data.ConsumeIntInRange(1, 4)):
        position = data.ConsumeIntInRange(0, len(octets) - 1) if octets else 0
        match data.ConsumeIntInRange(0, 3):
            case 0:
                octets[position : position + 1] = data.ConsumeBytes(1)
            case 1:
                del octets[position : position + data.ConsumeIntInRange(1, 8)]
            case 2:
                octets[position:position] = data.ConsumeBytes(data.ConsumeIntInRange(1, 8))
            case _:
                octets[position : position + 4] = octets[position : position + 8]
    return bytes(octets)
