"""Accounts that an organisation has already: OpenID Connect, or the word of a trusted proxy.

A browser that has logged in holds a signed cookie with its account's name and groups, for some hours.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urljoin

from flask import Blueprint, Flask, Response, current_app, request, session
from flask.sessions import SecureCookieSessionInterface
from werkzeug.exceptions import NotFound

from nbdash.config import Settings
from nbdash.errors import OptionError
from nbdash.model import Account
from nbdash.store.token import session_key
from nbdash.web.addresses import SlugConverter
from nbdash.web.cookies import cookie_name
from nbdash.web.inputs import text
from nbdash.web.proxies import ACCOUNT_KEY, GROUPS_KEY
from nbdash.web.refusal import Refusal
from nbdash.web.site import current_site

blueprint = Blueprint("accounts", __name__)

PROVIDER = "provider"  #: the provider's name in Authlib's registry
DONE = "-/login/done"
MAX_GROUPS = 200


def prepare_accounts(app: Flask, settings: Settings) -> None:
    """Lets browsers log in, if a provider is set. Raises OptionError for settings that cannot work."""
    if not settings.oidc_issuer:
        return
    if not (settings.public_url and settings.oidc_client_id):
        raise OptionError("oidc_issuer needs oidc_client_id, and public_url to come back to.", field="oidc_issuer")
    try:
        from authlib.integrations.flask_client import OAuth
    except ImportError:
        raise OptionError("OpenID Connect needs 'pip install \"nbdash[accounts]\"'.", field="oidc_issuer") from None
    app.secret_key = session_key(settings.data)
    app.session_interface = _Sessions()
    oauth = OAuth(app)
    oauth.register(
        PROVIDER,
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret or None,
        server_metadata_url=f"{settings.oidc_issuer.rstrip('/')}/.well-known/openid-configuration",
        client_kwargs={"scope": settings.oidc_scopes, "code_challenge_method": "S256"},
    )
    app.extensions[PROVIDER] = oauth


class _Sessions(SecureCookieSessionInterface):
    """Flask's signed cookie, under the names and rules of nbdash's other ones."""

    def get_cookie_name(self, app: Flask) -> str:
        """Of its own per data directory and kind of connection."""
        return cookie_name(f"nbdash-account-{current_site().author.site}")

    def get_cookie_secure(self, app: Flask) -> bool:
        """Over TLS only, where there is TLS."""
        return request.is_secure

    def get_cookie_samesite(self, app: Flask) -> str:
        """Comes along when a link leads here, and with no other site's form."""
        return "Lax"


def current_account() -> Account | None:
    """The account of whoever asks, if they have one here."""
    name = str(request.environ.get(ACCOUNT_KEY, "")).strip()
    if name:
        return Account(name=name, groups=_groups(str(request.environ.get(GROUPS_KEY, "")).split(",")))
    if not current_site().settings.oidc_issuer or session.get("until", 0) <= time.time():
        return None
    return Account(name=session["name"], groups=frozenset(session["groups"]))


@blueprint.get("/-/login")
def log_in() -> Any:
    """Leads to the provider, which leads back."""
    provider = _provider()
    session.clear()  # what was before a login is not carried into it
    session["to"] = text("to") or ""
    back = urljoin(f"{current_site().settings.public_url.rstrip('/')}/", DONE)
    return _asked(lambda: provider.authorize_redirect(back))


@blueprint.get("/-/login/done")
def come_back() -> Response:
    """The provider's answer: who it is."""
    provider, settings = _provider(), current_site().settings
    to = str(session.get("to", ""))
    token = _asked(provider.authorize_access_token)
    claims: dict[str, Any] = dict(token.get("userinfo") or {})
    if settings.oidc_groups_claim not in claims:
        claims |= dict(_asked(lambda: provider.userinfo(token=token)))
    session.clear()
    session.update(
        name=str(claims.get("preferred_username") or claims.get("email") or claims["sub"]),
        groups=sorted(_groups(claims.get(settings.oidc_groups_claim) or ())),
        until=time.time() + settings.login_hours * 3600,
    )
    return _to(f"../../d/{to}" if re.fullmatch(SlugConverter.regex, to) else "../../")


@blueprint.post("/-/logout")
def log_out() -> Response:
    """Forgets the account in this browser."""
    _provider()
    session.clear()
    return _to("../")


def _provider() -> Any:
    if PROVIDER not in current_app.extensions:
        raise NotFound
    return getattr(current_app.extensions[PROVIDER], PROVIDER)


def _asked(ask: Callable[[], Any]) -> Any:
    """What the provider's answer is; its errors and its absence as one sentence."""
    from authlib.common.errors import AuthlibBaseError
    from requests import RequestException

    try:
        return ask()
    except (AuthlibBaseError, RequestException, KeyError, ValueError):
        raise Refusal(502, "no_login", "The login did not come about: begin again, or tell the operator.") from None


def _to(address: str) -> Response:
    response = Response(status=303)
    response.headers["Location"] = address
    return response


def _groups(names: Iterable[Any]) -> frozenset[str]:
    cleaned = [str(name).strip() for name in names]
    return frozenset([name for name in cleaned if name][:MAX_GROUPS])
