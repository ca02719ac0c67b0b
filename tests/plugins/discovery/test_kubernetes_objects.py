"""Whatever stands in an object of a cluster: it is read or passed over, and what is told can be kept."""

import base64
import json
from contextlib import suppress
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from certwright.core.errors import CertwrightError
from certwright.core.sightings import facts_text
from certwright.plugins.discovery.kubernetes.kinds import CONFIG_MAPS, HOLDING, INGRESSES, LEARNT
from certwright.plugins.discovery.kubernetes.kubeconfig import parse_kubeconfig
from certwright.plugins.discovery.kubernetes.reading import sights_in
from certwright.plugins.discovery.kubernetes.relations import Relations, name_of
from tests.core.stores.made import chain, key_pem, pem
from tests.core.stores.signed import archive, signed_data, signer_info
from tests.plugins.discovery.cluster import kubeconfig, text

CHAIN = chain()
NAMES = (
    *(
        "metadata",
        "name",
        "namespace",
        "type",
        "data",
        "binaryData",
        "tls.crt",
        "tls.key",
        "password",
        "x.p12",
    ),
    *("spec", "status", "tls", "hosts", "secretName", "listeners", "certificateRefs", "port", "hostname"),
    *("conditions", "reason", "issuerRef", "webhooks", "clientConfig", "caBundle", "service", "certificate"),
)
TEXTS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        [
            "kubernetes.io/tls",
            "Ready",
            "True",
            text(pem(CHAIN.ders[0])),
            text(key_pem(CHAIN.server.key)),
            "MIIB",
        ]
    ),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6),
    max_leaves=30,
)
OBJECTS = st.fixed_dictionaries(
    {
        "metadata": st.fixed_dictionaries({"name": TEXTS, "namespace": TEXTS}) | JSON,
        "type": st.sampled_from(["kubernetes.io/tls", "Opaque"]) | JSON,
        "data": st.dictionaries(st.sampled_from(NAMES), TEXTS, max_size=4) | JSON,
        "spec": JSON,
        "status": JSON,
        "webhooks": st.lists(st.fixed_dictionaries({"clientConfig": JSON}), max_size=2) | JSON,
    }
)


@given(OBJECTS)
def test_any_object_is_read_or_passed_over(thing: dict[str, Any]) -> None:
    for kind in HOLDING:
        name_of(thing, kind)
        for sight in sights_in(kind, thing, ()):
            assert sight.chain or sight.problem or "key" in sight.facts
            facts_text(sight.facts)


@given(st.lists(OBJECTS, max_size=3))
def test_any_object_is_learnt_from_or_passed_over(things: list[dict[str, Any]]) -> None:
    relations = Relations()
    for kind in LEARNT:
        for thing in things:
            relations.learn(kind, thing)
    for secret in relations.named:
        facts_text(relations.facts(secret))


def test_many_who_serve_with_one_secret_leave_facts_that_can_be_kept() -> None:
    relations = Relations()
    for number in range(200):
        tls = [{"hosts": ["x" * 250 for _ in range(200)], "secretName": "www"}]
        metadata = {"name": f"i{number}", "namespace": "n"}
        relations.learn(INGRESSES, {"metadata": metadata, "spec": {"tls": tls}})
    facts = relations.facts(("n", "www"))
    assert facts["serves"]
    facts_text(facts)


@given(JSON, st.sampled_from(["clusters", "contexts", "users", "current-context"]))
def test_any_kubeconfig_is_read_or_refused(value: Any, name: str) -> None:
    for document in (value, json.loads(kubeconfig(1)) | {name: value}):
        with suppress(CertwrightError):
            parse_kubeconfig(yaml.safe_dump(document))


@given(st.text(max_size=60))
def test_any_text_is_a_kubeconfig_or_refused(given_text: str) -> None:
    with suppress(CertwrightError):
        parse_kubeconfig(given_text)


def test_a_signed_archive_in_a_configuration_map_says_who_has_signed_it() -> None:
    cms = signed_data(CHAIN.ders, signer_info(CHAIN.server))
    jar = archive(("META-INF/TOY.RSA", cms))
    thing = {"metadata": {"name": "plugins"}, "binaryData": {"toy.jar": base64.b64encode(jar).decode()}}
    (sight,) = sights_in(CONFIG_MAPS, thing, ())
    assert (sight.part, sight.chain) == ("#toy.jar#signer", CHAIN.ders)
    assert sight.facts == {"format": "jar", "role": "signer"}
