"""The pages of single sign-on that people see: sign in, signed out, sign out?, and what went wrong.

Plain HTML with its own style, nothing from elsewhere, no script. The policy that goes along lets a
browser do nothing else with it, and forms lead only here and to Grafana.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from urllib.parse import urlsplit

from starlette.responses import HTMLResponse

STYLE = """
:root{color-scheme:light dark;--ground:#f3f4f6;--card:#fff;--text:#1b1f24;--quiet:#57606a;
--line:#8b949e;--accent:#0b5cad;--on:#fff;--bad:#a40e26;--badground:#ffebe9}
@media(prefers-color-scheme:dark){:root{--ground:#111217;--card:#1c1e24;--text:#e6e8eb;
--quiet:#a3abb5;--line:#6b7380;--accent:#6cb0ff;--on:#0b1420;--bad:#ffb3ad;--badground:#3b1a1c}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1rem;background:var(--ground);
color:var(--text);font:16px/1.5 system-ui,sans-serif}
main{width:100%;max-width:25rem;background:var(--card);border-radius:12px;padding:2rem;
box-shadow:0 1px 2px #0002,0 8px 24px #0001}
svg{display:block;width:3rem;height:3rem;color:var(--accent)}
h1{margin:.75rem 0 .25rem;font-size:1.5rem;line-height:1.25}
p{margin:0 0 1rem;color:var(--quiet);text-wrap:balance}
label{display:block;margin:1rem 0 .25rem;font-weight:600}
input:not([type=checkbox]){width:100%;padding:.625rem .75rem;
border:1px solid var(--line);border-radius:8px;
background:var(--ground);color:inherit;font:inherit}
button,.button{display:block;width:100%;margin-top:1.5rem;padding:.75rem;border:0;border-radius:8px;
background:var(--accent);color:var(--on);font:inherit;font-weight:600;text-align:center;
text-decoration:none;cursor:pointer}
button:hover,.button:hover{filter:brightness(1.1)}
input:focus-visible,button:focus-visible,a:focus-visible{outline:3px solid var(--accent);
outline-offset:2px}
.wrong{margin:1rem 0 0;padding:.75rem 1rem;border-radius:8px;background:var(--badground);
color:var(--bad)}
ul{list-style:none;margin:1rem 0;padding:0}
li{border-top:1px solid var(--line);padding:.625rem 0}
li:last-child{border-bottom:1px solid var(--line)}
li label{display:flex;gap:.75rem;margin:0}
li input{flex:none;width:1.25rem;height:1.25rem;margin:.125rem 0 0;accent-color:var(--accent)}
li small{display:block;font-weight:400;color:var(--quiet);font-size:.875rem}
.small{margin:1.5rem 0 0;font-size:.875rem}
a{color:var(--accent)}
@media(max-width:26rem){body{padding:0;place-items:start stretch;background:var(--card)}
main{max-width:none;border-radius:0;box-shadow:none;padding:1.5rem}}
"""

ROBOT = (
    '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.75"'
    ' stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">'
    '<path d="M12 3v3"/><circle cx="12" cy="2.5" r="1"/><rect x="4" y="6" width="16" height="12"'
    ' rx="4"/><path d="M9 11v1.5M15 11v1.5M9.5 15.5h5M1.5 11v3M22.5 11v3M9 18v3M15 18v3"/></svg>'
)

_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()


@dataclass(frozen=True)
class Links:
    """Where a page may lead. ``grafana`` is its root, for browsers."""

    grafana: str

    @property
    def emergency(self) -> str:
        """Grafana's own form, for its emergency admin."""
        return f"{self.grafana}/login?disableAutoLogin=true"


@dataclass(frozen=True)
class Form:
    """Where the sign-in form goes, and what comes back with it. ``wrong`` is told above it."""

    action: str
    token: str
    username: str = ""
    wrong: str = ""


def sign_in(form: Form, links: Links, status: int = 200) -> HTMLResponse:
    """Name and password."""
    wrong = ""
    described = ""
    if form.wrong:
        wrong = f'<p class="wrong" role="alert" id="wrong">{escape(form.wrong)}</p>'
        described = ' aria-describedby="wrong" aria-invalid="true"'
    # Who got the password wrong goes on with the password.
    in_name, in_password = ("", " autofocus") if form.username else (" autofocus", "")
    return page(
        "Sign in",
        f"<p>to open Grafana with your TonyPi account.</p>{wrong}"
        f'<form method="post" action="{escape(form.action)}">'
        f'<input type="hidden" name="form_token" value="{escape(form.token)}">'
        '<label for="username">User name</label>'
        f'<input id="username" name="username" value="{escape(form.username)}" maxlength="50"'
        ' autocomplete="username" autocapitalize="none" autocorrect="off" spellcheck="false"'
        f" required{in_name}{described}>"
        '<label for="password">Password</label>'
        '<input id="password" name="password" type="password" maxlength="256"'
        f' autocomplete="current-password" required{in_password}{described}>'
        "<button>Sign in</button></form>"
        f'<p class="small">No account here? <a href="{escape(links.emergency)}">Grafana\'s own'
        " sign-in</a> takes its emergency administrator.</p>",
        status,
        [links.grafana],
    )


def sign_out(form: Form, username: str) -> HTMLResponse:
    """Asks first: a link on another page must not sign anybody out."""
    return page(
        "Sign out?",
        f"<p>You are signed in as <strong>{escape(username)}</strong>.</p>"
        f'<form method="post" action="{escape(form.action)}">'
        f'<input type="hidden" name="form_token" value="{escape(form.token)}">'
        "<button>Sign out</button></form>",
        200,
        [],
    )


def signed_out(links: Links) -> HTMLResponse:
    return page(
        "Signed out",
        "<p>You are signed out of TonyPi. Grafana itself may stay open until you sign out"
        f' there.</p><a class="button" href="{escape(links.grafana)}/login">Sign in again</a>',
        200,
        [],
    )


def failed(title: str, what: str, status: int, links: Links | None = None) -> HTMLResponse:
    """What went wrong, and where to go on from."""
    on = ""
    if links is not None:
        on = f'<a class="button" href="{escape(links.grafana)}/login">Back to Grafana</a>'
    return page(title, f"<p>{escape(what)}</p>{on}", status, [])


def page(title: str, inner: str, status: int = 200, leads_to: Iterable[str] = ()) -> HTMLResponse:
    """A page of ours around ``inner`` (HTML); its forms may lead to us and ``leads_to``."""
    html = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta name="robots" content="noindex"><title>{escape(title)} · TonyPi</title>'
        f"<style>{STYLE}</style></head><body><main>{ROBOT}<h1>{escape(title)}</h1>{inner}"
        "</main></body></html>"
    )
    # Browsers hold a form's redirects against form-action too, and the way on leads to Grafana.
    forms = " ".join(["'self'", *(_origin(url) for url in leads_to)])
    policy = (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action {forms}; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
    return HTMLResponse(
        html,
        status,
        {
            "Content-Security-Policy": policy,
            "Cache-Control": "no-store",
            "X-Frame-Options": "DENY",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
        },
    )


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
