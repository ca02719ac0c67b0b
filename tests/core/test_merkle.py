import hashlib
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.core import merkle
from certwright.core.errors import IntegrityError, Malformed
from certwright.core.merkle import Coordinate, Frontier

# The eight entries and the roots of their prefixes that implementations of Certificate Transparency
# have in common, with some of the proofs in them.
ENTRIES = [
    bytes.fromhex(entry)
    for entry in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
INCLUSION = {
    (0, 1): [],
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
CONSISTENCY = {
    (1, 1): [],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
    (6, 7): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
}

MANY = 300
LEAVES = [merkle.leaf_hash(str(number).encode()) for number in range(MANY)]
FRONTIERS = [Frontier()]
NODES: dict[Coordinate, bytes] = {}
for _leaf in LEAVES:
    _grown, _completed = FRONTIERS[-1].extend([_leaf])
    FRONTIERS.append(_grown)
    NODES.update({Coordinate(level, position): hash_ for level, position, hash_ in _completed})
ROOT = [frontier.root() for frontier in FRONTIERS]

sizes = st.integers(min_value=0, max_value=MANY)


# The recursive definitions of RFC 9162 section 2.1, to hold the quick ways against.


def split(size: int) -> int:
    power = 1
    while power * 2 < size:
        power *= 2
    return power


def tree_hash(leaves: Sequence[bytes]) -> bytes:
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    middle = split(len(leaves))
    return hashlib.sha256(b"\x01" + tree_hash(leaves[:middle]) + tree_hash(leaves[middle:])).digest()


def path(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    if len(leaves) == 1:
        return []
    middle = split(len(leaves))
    if index < middle:
        return [*path(index, leaves[:middle]), tree_hash(leaves[middle:])]
    return [*path(index - middle, leaves[middle:]), tree_hash(leaves[:middle])]


def subproof(older: int, leaves: Sequence[bytes], known: bool) -> list[bytes]:
    if older == len(leaves):
        return [] if known else [tree_hash(leaves)]
    middle = split(len(leaves))
    if older <= middle:
        return [*subproof(older, leaves[:middle], known), tree_hash(leaves[middle:])]
    return [*subproof(older - middle, leaves[middle:], False), tree_hash(leaves[:middle])]


def inclusion(index: int, size: int) -> tuple[bytes, ...]:
    return merkle.assemble(merkle.inclusion_path(index, size), NODES)


def consistency(older: int, newer: int) -> tuple[bytes, ...]:
    return merkle.assemble(merkle.consistency_path(older, newer), NODES)


def proofs_but(proof: Sequence[bytes]) -> list[tuple[bytes, ...]]:
    """Everything near `proof` that is not it: bits flipped, hashes swapped, dropped, doubled, added."""
    near: list[list[bytes]] = []
    for place, item in enumerate(proof):
        for bit in range(256):
            flipped = (int.from_bytes(item, "big") ^ 1 << bit).to_bytes(32, "big")
            near.append([*proof[:place], flipped, *proof[place + 1 :]])
        near.append([*proof[:place], *proof[place + 1 :]])
        near.append([*proof[:place], item, *proof[place:]])
        near.append([*proof[:place], item[:-1], *proof[place + 1 :]])
        near.append([*proof[:place], item + b"\0", *proof[place + 1 :]])
        near.append([*proof[:place], *reversed(proof[place:])])
    near += [[*proof, bytes(32)], [bytes(32), *proof], [*proof, b""], [*proof, *proof]]
    return [tuple(item) for item in near if tuple(item) != tuple(proof)]


def test_known_roots() -> None:
    leaves = [merkle.leaf_hash(entry) for entry in ENTRIES]
    assert [merkle.root_hash(leaves[:size]).hex() for size in range(9)] == ROOTS
    assert ROOTS[0] == merkle.EMPTY_ROOT.hex()


@pytest.mark.parametrize(("index", "size"), INCLUSION)
def test_known_inclusion_proofs(index: int, size: int) -> None:
    proof = tuple(map(bytes.fromhex, INCLUSION[index, size]))
    nodes = known_nodes()
    assert merkle.assemble(merkle.inclusion_path(index, size), nodes) == proof
    leaf = merkle.leaf_hash(ENTRIES[index])
    merkle.verify_inclusion(leaf, index, size, proof, bytes.fromhex(ROOTS[size]))


@pytest.mark.parametrize(("older", "newer"), CONSISTENCY)
def test_known_consistency_proofs(older: int, newer: int) -> None:
    proof = tuple(map(bytes.fromhex, CONSISTENCY[older, newer]))
    nodes = known_nodes()
    assert merkle.assemble(merkle.consistency_path(older, newer), nodes) == proof
    roots = bytes.fromhex(ROOTS[older]), bytes.fromhex(ROOTS[newer])
    merkle.verify_consistency(older, roots[0], newer, roots[1], proof)


def known_nodes() -> dict[Coordinate, bytes]:
    _, nodes = Frontier().extend([merkle.leaf_hash(entry) for entry in ENTRIES])
    return {Coordinate(level, position): hash_ for level, position, hash_ in nodes}


def test_the_example_tree_of_the_rfc() -> None:
    """RFC 9162 section 2.1.5: seven leaves; a, b, c, d, e, f, j and the nodes above them."""
    _, b, c, d, _, f, j = ((Coordinate(0, position),) for position in range(7))
    g, h, i = ((Coordinate(1, position),) for position in range(3))
    k = (Coordinate(2, 0),)
    l_of_seven = i + j
    assert merkle.inclusion_path(0, 7) == (b, h, l_of_seven)
    assert merkle.inclusion_path(3, 7) == (c, g, l_of_seven)
    assert merkle.inclusion_path(4, 7) == (f, j, k)
    assert merkle.inclusion_path(6, 7) == (i, k)
    assert merkle.consistency_path(3, 7) == (c, d, g, l_of_seven)
    assert merkle.consistency_path(4, 7) == (l_of_seven,)
    assert merkle.consistency_path(6, 7) == (i, j, k)
    assert merkle.root_path(7) == (k + i + j,)


def test_every_root_is_the_one_of_the_definition() -> None:
    for size, root in enumerate(ROOT):
        assert root == tree_hash(LEAVES[:size]) == merkle.root_hash(LEAVES[:size])
        assert merkle.assemble(merkle.root_path(size), NODES) == ((root,) if size else ())


def test_every_inclusion_proof_verifies() -> None:
    for size in range(1, MANY + 1):
        for index in range(size):
            merkle.verify_inclusion(LEAVES[index], index, size, inclusion(index, size), ROOT[size])


def test_every_consistency_proof_verifies() -> None:
    for newer in range(MANY + 1):
        for older in range(newer + 1):
            proof = consistency(older, newer)
            merkle.verify_consistency(older, ROOT[older], newer, ROOT[newer], proof)


@given(st.data())
def test_proofs_are_those_of_the_definition(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, MANY))
    index = data.draw(st.integers(0, size - 1))
    assert list(inclusion(index, size)) == path(index, LEAVES[:size])
    older = data.draw(st.integers(1, size))
    assert list(consistency(older, size)) == subproof(older, LEAVES[:size], True)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 8, 9, 13, 64, 65, 100])
def test_false_inclusion_proofs_fail(size: int) -> None:
    for index in {0, 1, size // 2, size - 2, size - 1} & set(range(size)):
        proof, leaf = inclusion(index, size), LEAVES[index]
        for other in proofs_but(proof):
            refuses(merkle.verify_inclusion, leaf, index, size, other, ROOT[size])
        for place in range(-1, size + 2):
            if place != index:
                refuses(merkle.verify_inclusion, leaf, place, size, proof, ROOT[size])
        refuses(merkle.verify_inclusion, LEAVES[index + 1], index, size, proof, ROOT[size])
        refuses(merkle.verify_inclusion, leaf, index, size, proof, ROOT[size + 1])
        refuses(merkle.verify_inclusion, leaf[:-1], index, size, proof, ROOT[size])


@pytest.mark.parametrize(
    ("older", "newer"),
    [(1, 2), (2, 3), (3, 7), (4, 7), (6, 7), (7, 8), (8, 8), (32, 65), (63, 100), (99, 100)],
)
def test_false_consistency_proofs_fail(older: int, newer: int) -> None:
    proof = consistency(older, newer)
    for other in proofs_but(proof):
        refuses(merkle.verify_consistency, older, ROOT[older], newer, ROOT[newer], other)
    refuses(merkle.verify_consistency, older, ROOT[older - 1], newer, ROOT[newer], proof)
    refuses(merkle.verify_consistency, older, ROOT[older], newer, ROOT[newer + 1], proof)
    refuses(merkle.verify_consistency, newer + 1, ROOT[newer + 1], newer, ROOT[newer], proof)


@given(st.data())
def test_a_rewritten_past_is_never_consistent(data: st.DataObject) -> None:
    """Whatever nodes of either tree a proof is made of, other leaves below do not pass."""
    newer = data.draw(st.integers(2, 40))
    older = data.draw(st.integers(1, newer))
    changed = data.draw(st.integers(0, older - 1))
    leaves = [*LEAVES[:changed], merkle.leaf_hash(b"other"), *LEAVES[changed + 1 : newer]]
    root = merkle.root_hash(leaves)
    forged = merkle.assemble(merkle.consistency_path(older, newer), stored(leaves))
    for proof in (forged, consistency(older, newer)):
        refuses(merkle.verify_consistency, older, ROOT[older], newer, root, proof)


def stored(leaves: Sequence[bytes]) -> dict[Coordinate, bytes]:
    return {Coordinate(level, position): hash_ for level, position, hash_ in Frontier().extend(leaves)[1]}


def refuses(check: Callable[..., None], *arguments: object) -> None:
    with pytest.raises(IntegrityError):
        check(*arguments)


def test_sizes_that_the_algorithms_cannot_hold_fail() -> None:
    refuses(merkle.verify_inclusion, LEAVES[0], 0, 2**63, (), LEAVES[0])
    refuses(merkle.verify_inclusion, LEAVES[0], 0, 0, (), merkle.EMPTY_ROOT)
    refuses(merkle.verify_inclusion, LEAVES[0], 0, 1, LEAVES[:127], LEAVES[0])
    refuses(merkle.verify_consistency, 0, ROOT[1], 5, ROOT[5], ())
    refuses(merkle.verify_consistency, 0, ROOT[0], 5, ROOT[5], (ROOT[5],))
    refuses(merkle.verify_consistency, 5, ROOT[5], 5, ROOT[4], ())
    refuses(merkle.verify_consistency, 3, ROOT[3], 5, ROOT[5], ())
    refuses(merkle.verify_consistency, -1, ROOT[0], 5, ROOT[5], ())
    for index, size in ((0, 0), (5, 5), (-1, 5), (0, 2**63)):
        with pytest.raises(Malformed):
            merkle.inclusion_path(index, size)
    for older, newer in ((6, 5), (-1, 5), (0, 2**63)):
        with pytest.raises(Malformed):
            merkle.consistency_path(older, newer)


def test_a_missing_node_is_named() -> None:
    nodes = dict(NODES)
    del nodes[Coordinate(1, 2)]
    with pytest.raises(IntegrityError, match="node 2 of level 1"):
        merkle.assemble(merkle.inclusion_path(6, 9), nodes)


def test_a_proof_in_a_large_tree_needs_few_nodes() -> None:
    size = 2**40 - 1
    assert len(merkle.needed(merkle.inclusion_path(0, size))) <= 80
    assert len(merkle.needed(merkle.consistency_path(size // 3, size))) <= 80
    assert len(merkle.needed(merkle.root_path(size))) == 40


@given(sizes, sizes)
def test_growing_at_once_or_one_by_one(first: int, second: int) -> None:
    low, high = sorted((first, second))
    grown, completed = FRONTIERS[low].extend(LEAVES[low:high])
    assert grown == FRONTIERS[high]
    assert {node.level for node in completed} <= set(range(9))
    assert all(NODES[Coordinate(level, position)] == hash_ for level, position, hash_ in completed)
    assert len(completed) == 2 * high - high.bit_count() - (2 * low - low.bit_count())
    frontier = FRONTIERS[low]
    for leaf in LEAVES[low:high]:
        frontier = frontier.append(leaf)
    assert frontier == grown
    assert grown.hashes == tuple(NODES[at] for at in merkle.needed(merkle.root_path(high)))


@given(sizes)
def test_frontier_as_octets(size: int) -> None:
    frontier = FRONTIERS[size]
    octets = frontier.to_bytes()
    assert Frontier.from_bytes(octets) == frontier
    for other in (octets + b"\0", octets[:-1], octets + bytes(32), b""):
        with pytest.raises(Malformed):
            Frontier.from_bytes(other)


@given(st.binary(max_size=200))
def test_any_octets_as_a_frontier(octets: bytes) -> None:
    try:
        frontier = Frontier.from_bytes(octets)
    except Malformed:
        return
    assert frontier.to_bytes() == octets
