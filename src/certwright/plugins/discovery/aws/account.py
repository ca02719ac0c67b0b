"""An account of AWS: signed calls to its interfaces, with what they refuse in one line."""

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import orjson

from ....core.egress import Unreached
from ....core.errors import CertwrightError, TooLarge
from ...calls import (
    TRY_AGAIN,
    Answer,
    Call,
    NotNow,
    Way,
    call,
    json_object,
    parse_endpoint,
    persistent,
    verifying_context,
    wait_asked_for,
)
from ...resolver import Resolver
from .answers import Element, xml_root
from .services import GLOBAL, PARTITIONS, STS, Interface
from .settings import AwsSettings
from .signing import Credentials, signed

ROLE_SECONDS = 3600
RENEWED_BEFORE = timedelta(minutes=5)
DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized"})
NOT_TAKEN = frozenset(
    ("InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch", "AuthFailure")
) | frozenset(("ExpiredToken", "ExpiredTokenException", "InvalidSignatureException", "IncompleteSignature"))
THROTTLED = frozenset(
    ("Throttling", "ThrottlingException", "ThrottledException", "TooManyRequestsException", "SlowDown")
) | frozenset(("RequestLimitExceeded", "RequestThrottled", "ServiceUnavailable", "PriorRequestNotComplete"))
_CODE = re.compile(r"[A-Z][A-Za-z]{2,59}")


class Refusal(CertwrightError):
    """What AWS refuses, with its code; in `detail` in our own words."""

    status = 502

    def __init__(self, detail: str, code: str) -> None:
        super().__init__(detail)
        self.code = code


@dataclass(frozen=True, slots=True)
class _Request:
    """What is asked, before it is signed."""

    interface: Interface
    region: str
    action: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""


class Account:
    """Safe for several tasks of one event loop. Every method raises Refusal, Unreached, TooLarge, and
    Unavailable where the lack is ours."""

    def __init__(self, settings: AwsSettings, clock: Callable[[], datetime], region: str) -> None:
        """`region` is where a role is asked for."""
        self._settings = settings
        self._clock = clock
        self._region = region
        tls = verifying_context(settings.authorities)
        self._way = Way(settings.policy, Resolver(settings.resolver), tls, settings.seconds)
        self._role: tuple[Credentials, datetime] | None = None
        self._assuming = asyncio.Lock()

    async def json(
        self, interface: Interface, region: str, action: str, parameters: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The answer of an interface that speaks JSON 1.1."""
        headers = {
            "content-type": "application/x-amz-json-1.1",
            "x-amz-target": f"{interface.target}.{action}",
        }
        asked = _Request(interface, region, action, "POST", "/", headers, orjson.dumps(dict(parameters)))
        return json_object((await self._asked(asked)).body)

    async def query(
        self, interface: Interface, region: str, action: str, parameters: Mapping[str, str]
    ) -> Element:
        """The result of an action of an interface that speaks the query protocol."""
        answer = await self._asked(_query(interface, region, action, parameters))
        return _result(answer, action)

    async def get(self, interface: Interface, action: str, path: str) -> Element:
        """The document at a path of an interface without a region that speaks REST with XML."""
        asked = _Request(interface, GLOBAL, action, "GET", f"/{interface.version}{path}", {})
        return xml_root((await self._asked(asked)).body)

    # -- one call --------------------------------------------------------------------------------

    async def _asked(self, asked: _Request) -> Answer:
        return await self._answered(asked, await self._credentials())

    async def _answered(self, asked: _Request, credentials: Credentials) -> Answer:
        url, region = self._place(asked)

        async def once() -> Answer:
            plain = Call(asked.method, url, asked.headers, asked.body)
            answer = await call(
                self._way, signed(plain, credentials, region, asked.interface.host, self._clock())
            )
            self._check(asked, answer)
            return answer

        try:
            return await persistent(self._way, once)
        except TooLarge as error:
            raise Unreached("connection", f"{asked.action}: {error.detail}") from error

    def _place(self, asked: _Request) -> tuple[Any, str]:
        """Where an interface is, and the region to sign for."""
        host, region = PARTITIONS[self._settings.partition].host(asked.interface, asked.region)
        set_url = self._settings.endpoint(asked.interface.name, asked.region)
        if not (host or set_url):
            raise Unreached("dns", f"there is no {asked.interface.name} in {self._settings.partition}")
        base = parse_endpoint(set_url or f"https://{host}")
        return parse_endpoint(f"{str(base).rstrip('/')}{asked.path}"), region

    def _check(self, asked: _Request, answer: Answer) -> None:
        """Raises NotNow, Refusal, Unreached unless the answer is good."""
        if answer.status < 300:
            return
        if answer.status < 400:
            raise Unreached("connection", "it redirects elsewhere, where credentials are not sent")
        code = _code(answer)
        if code in THROTTLED or answer.status in TRY_AGAIN:
            raise NotNow(f"{asked.action} is answered with {code or answer.status}", wait_asked_for(answer))
        raise Refusal(_words(asked, answer.status, self._harmless(code)), code)

    def _harmless(self, code: str) -> str:
        """A code that can be shown: it says nothing of a credential back to us."""
        ours = self._settings
        secrets = (ours.access_key_id, ours.secret_access_key, ours.session_token, ours.external_id)
        return code if _CODE.fullmatch(code) and not any(code in secret for secret in secrets) else ""

    # -- who calls -------------------------------------------------------------------------------

    async def _credentials(self) -> Credentials:
        ours = self._settings
        if not ours.role:
            return ours.credentials()
        async with self._assuming:
            if self._role is None or self._role[1] - RENEWED_BEFORE < self._clock():
                self._role = await self._assumed()
            return self._role[0]

    async def _assumed(self) -> tuple[Credentials, datetime]:
        """Those of the role, and until when."""
        ours = self._settings
        parameters = {
            "RoleArn": ours.role,
            "RoleSessionName": "certwright",
            "DurationSeconds": str(ROLE_SECONDS),
        }
        if ours.external_id:
            parameters["ExternalId"] = ours.external_id
        begun = self._clock()
        answer = await self._answered(_query(STS, self._region, "AssumeRole", parameters), ours.credentials())
        found = next(_result(answer, "AssumeRole").every("Credentials"), Element(""))
        fields = [found.value(name) for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")]
        if not all(fields):
            raise Unreached("connection", "AssumeRole is answered without credentials")
        return Credentials(*fields), begun + timedelta(seconds=ROLE_SECONDS)


def _query(interface: Interface, region: str, action: str, parameters: Mapping[str, str]) -> _Request:
    headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
    body = urlencode({"Action": action, "Version": interface.version, **parameters}).encode()
    return _Request(interface, region, action, "POST", "/", headers, body)


def _result(answer: Answer, action: str) -> Element:
    root = xml_root(answer.body)
    found = next(root.every(f"{action}Result"), None)
    if found is None:
        raise Unreached("connection", f"the answer to {action} has no result")
    return found


def _code(answer: Answer) -> str:
    """AWS's word for what is wrong; empty where none can be read."""
    named = answer.headers.get("x-amzn-errortype", "")
    try:
        if not named and answer.body.lstrip()[:1] == b"<":
            root = xml_root(answer.body)
            named = root.value("Error", "Code") or root.value("Errors", "Error", "Code")
        elif not named:
            document = json_object(answer.body)
            named = str(document.get("__type") or document.get("code") or "")
    except Unreached:
        return ""
    return named.rpartition("#")[2].partition(":")[0]


def _words(asked: _Request, status: int, code: str) -> str:
    if code in DENIED:
        return f"the credentials may not {asked.interface.host}:{asked.action}"
    if code in NOT_TAKEN:
        return f"the credentials are not taken ({code})"
    return f"{asked.action} is refused: {code or f'status {status}'}"
