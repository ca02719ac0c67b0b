"""Whether and how to ask a server again that did not show its chain. It ends: each time less is offered."""

from dataclasses import replace

from .hello import Ask, Question
from .registry import NO_APPLICATION_PROTOCOL, UNRECOGNIZED_NAME
from .wire import Alerted, NotTls, TlsFault


def ask_again(ask: Ask, fault: TlsFault) -> Ask | None:
    """What to ask next after a fault; None where no other question would help."""
    if isinstance(fault, NotTls):
        return None
    if isinstance(fault, Alerted):
        if fault.code == UNRECOGNIZED_NAME:
            return None
        if fault.code == NO_APPLICATION_PROTOCOL:
            return replace(ask, alpn=()) if ask.alpn else None
    if ask.question is Question.ANCIENT:
        return None
    return replace(ask, alpn=(), question=Question(ask.question + 1))
