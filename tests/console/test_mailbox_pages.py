"""Mail addresses on pages, without JavaScript: asked for, mailed by the worker to a real server, answered."""

import asyncio
import re
import threading
import time
from collections.abc import Iterator

import pytest

from certwright.core.access import Role
from certwright.core.profile_document import to_document
from certwright.operations.context import Context
from certwright.operations.save_profile import save_profile
from certwright.site.supervisor import LANES
from tests.api.callers import csr
from tests.console.browsing import Browser, alerts, browser, events, make_person
from tests.real.certwright import ADMINISTRATOR, Home, Site
from tests.real.mail_server import Mailbox, mail_server

OWN = "/console/account/mail-addresses/"
ALL = "/console/mail-addresses/"
ASK = "/console/ask/for/mail/"
CODE = re.compile(r"([A-Z2-7]{4}-){7}[A-Z2-7]{4}")
PATIENCE = 30.0


@pytest.fixture(scope="module")
def mails(home: Home) -> Iterator[Mailbox]:
    """A mail server on a loop of its own, which the settings name."""
    loop, boxes = asyncio.new_event_loop(), list[Mailbox]()
    ready, over = threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with mail_server() as box:
            boxes.append(box)
            ready.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=[serve()])
    thread.start()
    assert ready.wait(PATIENCE)
    server = {"host": "127.0.0.1", "port": boxes[0].port, "security": "none"}
    home.configure({"mail": {**server, "sender": "certwright@pki.test"}})
    home.run(_profile)
    yield boxes[0]
    loop.call_soon_threadsafe(over.set)
    thread.join(PATIENCE)
    loop.close()


async def _profile(context: Context) -> None:
    """Mail certificates whose addresses must be proved."""
    document = to_document(context.snapshot.profile("smime-signing"))
    wanted = {**document, "name": "mail", "version": 1, "validation": "domain"}
    await save_profile(context, ADMINISTRATOR, wanted)


@pytest.fixture(scope="module")
def served(home: Home, mails: Mailbox) -> Iterator[Site]:
    with home.served(lanes=LANES) as site:
        yield site


@pytest.fixture
def ann(home: Home, served: Site) -> Iterator[Browser]:
    with browser(served) as made:
        made.log_in(make_person(home, f"ann{time.monotonic_ns()}", Role.REQUESTER))
        yield made


def code_for(mails: Mailbox, address: str) -> tuple[str, str]:
    """The link and the code of the newest mail to an address, once the worker has sent it."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        for mail in reversed(mails.mails()):
            if mail["To"] == address:
                text = mail.get_content()
                code, link = CODE.search(text), re.search(r"https://\S+(/console/\S+)", text)
                assert code
                assert link
                return link[1], code[0]
        time.sleep(0.1)
    raise AssertionError(f"no mail came to {address}")


def ask(who: Browser, address: str) -> str:
    """The page of the proof."""
    answer = who.send(OWN, address=address)
    assert answer.status_code == 302, alerts(answer)
    return answer.headers["location"]


def test_from_the_refusal_to_the_certificate(ann: Browser, mails: Mailbox, home: Home) -> None:
    wish = {"key": "csr", "csr": csr("x"), "names": "ann@mail.test", "authority": "issuing"}
    wish |= {"subject_CN": "Ann", "act": "ask"}
    refused = ann.send(ASK, **wish)
    assert refused.status_code == 403
    assert "has not shown control of email:ann@mail.test" in refused.text
    assert f'<a href="{OWN}">' in refused.text
    assert f'<a href="{OWN}">' in ann.send(ASK, **{**wish, "act": "preview"}).text
    assert "No address yet" in ann.get(OWN).text
    page = ask(ann, "ann@MAIL.test")
    link, code = code_for(mails, "ann@mail.test")
    assert link == page
    assert "Waits for the code" in ann.get(page).text
    assert "Waits for the code" in ann.get(f"{page}?code={code}").text, "looking at it proves nothing"
    wrong = ann.send(page, code="AAAA-AAAA")
    assert (wrong.status_code, alerts(wrong)) == (
        400,
        ["this is not the code of the newest mail; paste it again, as it stands there"],
    )
    assert ann.send(page, code=f" {code.lower()} ").headers["location"] == OWN
    shown = ann.get(OWN).text
    assert "Proved" in shown
    assert "It is shown that ann@mail.test is yours." in shown
    assert ann.send(ASK, **wish).status_code == 302
    assert [one["kind"] for one in events(home, "mailbox.proved")] == ["mailbox.proved"]
    for log in home.folder.glob("log-*"):
        assert code not in log.read_text(errors="replace")
        assert code.lower() not in log.read_text(errors="replace")


def test_a_stranger_with_the_mail_confirms_nothing(
    ann: Browser, another: Browser, mails: Mailbox, home: Home
) -> None:
    page = ask(ann, "victim@mail.test")
    link, code = code_for(mails, "victim@mail.test")
    assert another.get(link).headers["location"].startswith("/login/?next=")
    another.log_in(make_person(home, "victim", Role.ADMINISTRATOR))
    assert another.get(link).status_code == 404
    assert another.send(link, page=OWN, code=code).status_code == 404
    assert "Waits for the code" in ann.get(page).text


def test_an_officer_takes_a_proof_away(ann: Browser, another: Browser, mails: Mailbox, home: Home) -> None:
    page = ask(ann, "officer@mail.test")
    ann.send(page, code=code_for(mails, "officer@mail.test")[1])
    assert ann.get(ALL).status_code == 403
    another.log_in(make_person(home, "olga", Role.RA_OFFICER))
    shown = another.get(ALL).text
    assert 'href="/console/mail-addresses/"' in another.get("/console/organizations/").text
    number = page.rstrip("/").rpartition("/")[2]
    assert f"{ALL}{number}/take-away/" in shown
    assert ann.get(f"{ALL}{number}/take-away/").status_code == 403
    assert another.send(f"{ALL}{number}/take-away/", why="they have <b>left</b>").status_code == 302
    assert "they have &lt;b&gt;left&lt;/b&gt;" in another.get(ALL).text
    assert "has taken it away: they have &lt;b&gt;left&lt;/b&gt;" in ann.get(page).text
    assert another.send(f"{ALL}{number}/take-away/", why="again").status_code == 409
    another.client.cookies.clear()
    another.log_in(make_person(home, "audrey", Role.AUDITOR))
    assert (another.get(ALL).status_code, "/take-away/" in another.get(ALL).text) == (200, False)
    assert another.get(f"{ALL}{number}/take-away/").status_code == 403


def test_odd_input_is_told_in_a_line(ann: Browser) -> None:
    for wrong in ("nobody", "a b@mail.test", '"><script>@mail.test'):
        answer = ann.send(OWN, address=wrong)
        assert (answer.status_code, len(alerts(answer))) == (400, 1), wrong
    for page in (f"{OWN}0/", f"{OWN}{2**70}/"):
        assert ann.get(page).status_code == 404
    assert ann.get(f"{ALL}?after=x").status_code in (400, 403)
