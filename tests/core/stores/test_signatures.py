"""Who has signed, and who has said when, told from CMS."""

import pytest

from certwright.core import der
from certwright.core.stores.reading import read_store
from certwright.core.stores.signatures import DEPTH_MAX, SIGNERS_MAX, Signatures
from certwright.core.stores.values import Entry, Role, StoreFormat
from tests.core.stores.signed import (
    COUNTER_SIGNATURE,
    JAVA_TIME_STAMP,
    NESTED,
    TIME_STAMP,
    signed_data,
    signer_info,
)
from tests.core.toy_chain import outside

MAKER = outside("CN=Maker", outside("CN=Maker Root"))
OTHER = outside("CN=Other Maker")
CLOCK = outside("CN=Clock", outside("CN=Clock Root"))
BESIDE = outside("CN=Beside")
TOKEN = signed_data(CLOCK.path, signer_info(CLOCK))
SIGNED = Entry("signer", MAKER.path, role=Role.SIGNER)
STAMPED = Entry("time stamper", CLOCK.path, role=Role.TIME_STAMPER)


def entries(octets: bytes) -> tuple[Entry, ...]:
    found = Signatures()
    found.read(octets)
    return found.entries()


@pytest.mark.parametrize("by_key", [False, True])
def test_who_has_signed_stands_first_and_others_by_their_names(by_key: bool) -> None:
    found = entries(signed_data((BESIDE.der, *reversed(MAKER.path)), signer_info(MAKER, by_key=by_key)))
    assert found == (SIGNED, Entry("CN=Beside", BESIDE.path, role=Role.ENCLOSED))


@pytest.mark.parametrize("kind", [TIME_STAMP, JAVA_TIME_STAMP])
def test_a_time_stamp_is_a_signature_in_an_attribute(kind: str) -> None:
    assert entries(signed_data(MAKER.path, signer_info(MAKER, [(kind, TOKEN)]))) == (SIGNED, STAMPED)


def test_a_counter_signature_has_its_certificates_beside_those_of_the_signature() -> None:
    counter = signer_info(MAKER, [(COUNTER_SIGNATURE, signer_info(CLOCK))])
    assert entries(signed_data((*CLOCK.path, *MAKER.path), counter)) == (SIGNED, STAMPED)


def test_signatures_that_are_nested_are_told_each_once() -> None:
    again = signed_data(MAKER.path, signer_info(MAKER, [(TIME_STAMP, TOKEN)]))
    other = signed_data(OTHER.path, signer_info(OTHER, [(TIME_STAMP, TOKEN)]))
    octets = signed_data(MAKER.path, signer_info(MAKER, [(NESTED, again + other), (TIME_STAMP, TOKEN)]))
    assert entries(octets) == (SIGNED, STAMPED, Entry("signer (2)", OTHER.path, role=Role.SIGNER))


def test_a_signature_that_is_a_file_says_who_has_signed() -> None:
    store = read_store(signed_data(MAKER.path, signer_info(MAKER, [(TIME_STAMP, TOKEN)])))
    assert store is not None
    assert (store.format, store.entries) == (StoreFormat.PKCS7, (SIGNED, STAMPED))


def test_a_signer_whose_certificate_is_elsewhere_is_a_problem_and_a_time_stamper_none() -> None:
    without = signed_data((), signer_info(CLOCK))
    found = entries(signed_data(OTHER.path, signer_info(MAKER, [(TIME_STAMP, without)])))
    assert found == (
        Entry("CN=Other Maker", OTHER.path, role=Role.ENCLOSED),
        Entry("signer", problem="the certificate of who has signed is not in it"),
    )


def test_an_attribute_that_cannot_be_read_leaves_the_others() -> None:
    broken = signer_info(MAKER, [(NESTED, der.sequence(der.integer(5))), (TIME_STAMP, TOKEN)])
    signed, stamped, problem = entries(signed_data(MAKER.path, broken))
    assert (signed, stamped) == (SIGNED, STAMPED)
    assert problem.problem.startswith("CMS: unexpected DER tag")


def test_there_is_an_end_to_signatures_in_signatures() -> None:
    octets = signed_data(MAKER.path, signer_info(MAKER))
    for _ in range(DEPTH_MAX + 1):
        octets = signed_data(MAKER.path, signer_info(MAKER, [(NESTED, octets)]))
    signed, problem = entries(octets)
    assert signed == SIGNED
    assert problem.problem == f"signatures in signatures, more than {DEPTH_MAX} deep"
    counter = signer_info(CLOCK)
    for _ in range(DEPTH_MAX + 1):
        counter = signer_info(CLOCK, [(COUNTER_SIGNATURE, counter)])
    *_, problem = entries(signed_data(CLOCK.path, counter))
    assert problem.problem == f"counter-signatures of counter-signatures, more than {DEPTH_MAX} deep"


def test_there_is_an_end_to_who_has_signed() -> None:
    signers = [signer_info(MAKER, serial=number + 1) for number in range(SIGNERS_MAX + 1)]
    assert entries(signed_data((), *signers))[-1].problem == f"more than {SIGNERS_MAX} have signed it"
