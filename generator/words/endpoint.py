"""A language model behind an address (adapter: urllib), in the forms of OpenAI and of Anthropic.

Nothing of what is sent, and no key, comes into an error: a sentence names the host and the answer's
status. Redirects are not followed, so the words go nowhere but to the address that was agreed on.
"""

from __future__ import annotations

import asyncio
import email.utils
import functools
import os
import ssl
from email.message import Message
from http.client import HTTPException
from typing import Any, NamedTuple, NoReturn
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import (
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    build_opener,
)

import msgspec

from rym.clock import Clock
from rym.errors import DeviceError, UsageError

from ..settings import LanguageModel

KEY = "RYM_LANGUAGE_MODEL_KEY"
ADDRESSES = {"openai": "https://api.openai.com/v1", "anthropic": "https://api.anthropic.com/v1"}
PATHS = {"openai": "/chat/completions", "anthropic": "/messages"}
ANTHROPIC_VERSION = "2023-06-01"
LOOPBACK = ("127.0.0.1", "::1", "localhost")
MAX_BYTES = 1 << 20
MAX_TOKENS = 400
TRIES = 3
PASSING = frozenset((408, 429, 500, 502, 503, 504, 529))
"""Answers that may be others a moment later."""
LONGEST_WAIT = 90.0
"""Seconds beyond which an endpoint that asks for patience is given up."""
LATER = "Try again later: what was answered so far is kept; or set words to templates."


class Again(Exception):  # noqa: N818 - it never leaves this file
    """The same question may be answered a moment later."""

    def __init__(self, what: str, wait: float | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.wait = wait


class Endpoint(NamedTuple):
    """Where to ask, and what is known of it."""

    chosen: LanguageModel
    url: str
    host: str
    """Name or number, and port if there is one, as it stands in an address."""
    name: str
    """Name or number alone, without the brackets around an IPv6 one."""
    key: str


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Return nothing: the redirect is then an error like any other."""


def endpoint(chosen: LanguageModel) -> Endpoint:
    """Return where to ask, from the settings and the environment.

    Raises
    ------
    UsageError
        If the address is not safe to send a person's words to, or the key is missing.
    """
    base = chosen.url or ADDRESSES[chosen.api]
    remedy = "Set url to an address such as https://host/v1."
    try:
        parts = urlsplit(base)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise UsageError("The language model's url is no address.", remedy) from None
    if not host or parts.scheme not in ("http", "https") or not base.isascii():
        raise UsageError("The language model's url is no address of http or https.", remedy)
    if parts.username or parts.password or parts.query or parts.fragment:
        raise UsageError(
            "The language model's url holds more than host and path.", f"A key comes by {KEY}."
        )
    if parts.scheme == "http" and host not in LOOPBACK:
        raise UsageError(
            f"The language model's url leads to {host} over http, where everyone on the way sees "
            "the person's words; only https leaves this machine.",
            remedy,
        )
    where = f"[{host}]" if ":" in host else host
    where += f":{port}" if port else ""
    return Endpoint(chosen, base.rstrip("/") + PATHS[chosen.api], where, host, _key(host))


def _key(host: str) -> str:
    key = os.environ.get(KEY, "")
    if not key and host not in LOOPBACK:
        raise UsageError(f"{host} needs a key, and {KEY} is not set.", f"Set {KEY}.")
    if not (key.isascii() and (not key or key.isprintable()) and " " not in key):
        raise UsageError(
            f"{KEY} holds {len(key)} characters, some of which no key has.", "Set it again."
        )
    return key


def ask(there: Endpoint, system: str, user: str, clock: Clock) -> str:
    """Ask once, and again where that may help, and return what was answered.

    Parameters
    ----------
    there : Endpoint
        Whom.
    system, user : str
        What to do, and with which words.
    clock : Clock
        For time limits, and for waiting as long as an endpoint asks for.

    Raises
    ------
    DeviceError
        If no answer can be had.
    """
    request = _request(there, system, user)
    for tries in range(1, TRIES + 1):
        try:
            return _once(there, request, clock)
        except Again as again:
            wait = 4.0 ** (tries - 1) if again.wait is None else again.wait
            if tries == TRIES or wait > LONGEST_WAIT:
                asked = f"asked {tries} times" if tries > 1 else f"it asks for {wait:.0f} s"
                raise DeviceError(
                    f"The language model at {there.host} {again.what} ({asked}).", LATER
                ) from None
            asyncio.run(_wait(clock, wait))
    raise AssertionError("the last try either returns or raises")


async def _wait(clock: Clock, seconds: float) -> None:
    await clock.sleep_until(clock.now() + seconds)


def _request(there: Endpoint, system: str, user: str) -> Request:
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    messages = [{"role": "user", "content": user}]
    body: dict[str, Any] = {"model": there.chosen.model}
    if there.chosen.api == "anthropic":
        headers |= {"x-api-key": there.key, "anthropic-version": ANTHROPIC_VERSION}
        body |= {"max_tokens": MAX_TOKENS, "system": system, "messages": messages}
    else:
        # No limit is sent: its name differs between endpoints, and the answer is measured anyway.
        body |= {"messages": [{"role": "system", "content": system}, *messages]}
        if there.key:
            headers["Authorization"] = f"Bearer {there.key}"
    return Request(there.url, msgspec.json.encode(body), headers, method="POST")  # noqa: S310


def _opener(name: str) -> OpenerDirector:
    # What goes to this machine itself goes past no proxy.
    own = [ProxyHandler({})] if name in LOOPBACK else []
    return build_opener(_NoRedirects(), HTTPSHandler(context=_trust()), *own)


@functools.cache
def _trust() -> ssl.SSLContext:
    """Return whom this machine trusts, certificates checked."""
    return ssl.create_default_context()


def _once(there: Endpoint, request: Request, clock: Clock) -> str:
    timeout = there.chosen.timeout
    until = clock.now() + timeout
    try:
        with _opener(there.name).open(request, timeout=timeout) as answer:
            data = bytearray()
            while piece := answer.read1(65_536):
                data += piece
                if clock.now() > until:
                    raise TimeoutError
                if len(data) > MAX_BYTES:
                    raise DeviceError(
                        f"The language model at {there.host} answered with more than {MAX_BYTES} "
                        "bytes.",
                        "Check url and model.",
                    )
    except HTTPError as error:
        error.close()
        _refused(there, error.code, error.headers, clock)
    except TimeoutError:
        raise Again(f"did not answer within {timeout:g} s") from None
    except (URLError, HTTPException, OSError) as error:
        raise _lost(there, error) from None
    return _said(there, bytes(data))


def _refused(there: Endpoint, status: int, headers: Message, clock: Clock) -> NoReturn:
    if status in PASSING:
        raise Again(f"answered {status}", _patience(headers.get("Retry-After"), clock)) from None
    remedies = {
        401: f"Set {KEY} to a key of this endpoint.",
        403: f"Set {KEY} to a key that may use this model.",
        404: "Check url and model.",
    }
    what = "a redirect, which is not followed" if 300 <= status < 400 else "a refusal"
    raise DeviceError(
        f"The language model at {there.host} answered {status}, {what}.",
        remedies.get(status, "Check url, model and key."),
    ) from None


def _patience(asked: str | None, clock: Clock) -> float | None:
    """Return how long an endpoint asks to wait, in seconds; it says seconds or a date."""
    if asked is None:
        return None
    try:
        return min(max(0.0, float(asked)), 1e6)
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(asked).timestamp() - clock.wall())
    except ValueError:
        return None


def _lost(there: Endpoint, error: Exception) -> Exception:
    reason = error.reason if isinstance(error, URLError) else error
    if isinstance(reason, TimeoutError):
        return Again(f"did not answer within {there.chosen.timeout:g} s")
    if isinstance(reason, ssl.SSLError):
        return DeviceError(
            f"The language model at {there.host} has no certificate that is trusted here.",
            "Check url.",
        )
    return Again(f"cannot be reached or broke off ({type(reason).__name__})")


class _Message(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    message: _Message


class _OpenAi(msgspec.Struct):
    choices: list[_Choice]


class _Block(msgspec.Struct):
    type: str
    text: str = ""


class _Anthropic(msgspec.Struct):
    content: list[_Block]


def _said(there: Endpoint, data: bytes) -> str:
    """Return the text of an answer; an empty one where there is none."""
    try:
        if there.chosen.api == "anthropic":
            blocks = msgspec.json.decode(data, type=_Anthropic).content
            return "".join(block.text for block in blocks if block.type == "text")
        choices = msgspec.json.decode(data, type=_OpenAi).choices
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Again(f"answered {len(data)} bytes that are not in the form of its kind") from None
    return (choices[0].message.content or "") if choices else ""
