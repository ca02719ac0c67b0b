"""Reads one HTTP/1.1 response from octets as they come (RFC 9112), within bounds, and does nothing else."""

import httptools

from ..core.errors import Malformed, TooLarge

_INFORMATIONAL = range(100, 200)
_SUCCESSFUL = range(200, 300)
_FRAMING = 8  # chunks of one octet need six, so no body within its bound needs more than this each


class ResponseReader:
    """Feed it octets until it says the response is whole. Bounds are in octets.

    The body of a response that is not 2xx is not waited for, and stays empty, unless `errors_too`. Header
    names are lower-case; values of a repeated header are joined with a comma (RFC 9110 section 5.3).
    """

    def __init__(self, header_octets: int, body_octets: int, errors_too: bool = False) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self._header_octets = header_octets
        self._body_octets = body_octets
        self._errors_too = errors_too
        self._octets_left = header_octets + _FRAMING * body_octets
        self._before_body = 0
        self._header_size = 0
        self._in_body = False
        self._whole = False
        self._too_large = ""
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> bool:
        """Is the response whole? Raises Malformed for what is no HTTP/1 response, TooLarge past a bound."""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            if not self._whole and not self._too_large:
                raise Malformed("it is no HTTP/1.1 response") from None
        self._octets_left -= len(data)
        if not self._in_body:
            self._before_body += len(data)
            if self._before_body > self._header_octets:
                self._too_large = self._header_too_large()
        elif self._octets_left < 0 and not self._whole:
            self._too_large = self._body_too_large()
        if self._too_large:
            raise TooLarge(self._too_large)
        return self._whole

    def end(self) -> None:
        """The connection has ended. Raises Malformed unless the response is whole: one with neither
        Content-Length nor Transfer-Encoding ends with the connection (RFC 9112 section 6.3)."""
        framed = "content-length" in self.headers or "transfer-encoding" in self.headers
        if not self._whole and (framed or not self._in_body):
            raise Malformed("the connection ended before the whole HTTP response had come")

    # -- called by the parser; what one of these raises would be lost, so they take notes ----------

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_body:
            return  # a trailer
        self._header_size += len(name) + len(value)
        if self._header_size > self._header_octets:
            self._too_large = self._header_too_large()
            return
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        if self.status in _INFORMATIONAL:
            self.headers = {}
            return
        self._in_body = True
        self._whole = self.status not in _SUCCESSFUL and not self._errors_too
        if not self._whole and int(self.headers.get("content-length", "0")) > self._body_octets:
            self._too_large = self._body_too_large()

    def on_body(self, data: bytes) -> None:
        if self._whole or self._too_large:
            return
        if len(self.body) + len(data) > self._body_octets:
            self._too_large = self._body_too_large()
        else:
            self.body += data

    def on_message_complete(self) -> None:
        self._whole = self._in_body

    def _header_too_large(self) -> str:
        return f"its header is larger than {self._header_octets} octets"

    def _body_too_large(self) -> str:
        return f"its body is larger than {self._body_octets} octets"
