"""The documentation at ``/docs``, with its scripts served from here.

FastAPI's page loads Swagger UI from a public CDN, which a robots' network seldom reaches; the
package ``fastapi-offline`` ships the same files.
"""

from __future__ import annotations

from importlib.resources import files
from urllib.parse import urlsplit

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html, get_swagger_ui_oauth2_redirect_html
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

from glue.settings import Settings

ASSETS = "/docs/assets"
REDIRECT = "/docs/oauth2-redirect"


def install(app: FastAPI) -> None:
    """Serve ``/docs``; ``app`` was made with ``docs_url=None``."""
    folder = files("fastapi_offline") / "static"
    app.mount(ASSETS, StaticFiles(directory=str(folder)), name="docs-assets")
    app.add_route("/docs", _page, include_in_schema=False)
    app.add_route(REDIRECT, _redirect, include_in_schema=False)


def below(settings: Settings) -> str:
    """The path that a proxy shows us below, and takes off before it asks us; empty: none."""
    return urlsplit(settings.glue_for_browsers).path.rstrip("/")


async def _page(request: Request) -> HTMLResponse:
    root = below(request.app.state.settings)
    return get_swagger_ui_html(
        openapi_url=f"{root}/openapi.json",
        title="TonyPi API",
        oauth2_redirect_url=f"{root}{REDIRECT}",
        swagger_js_url=f"{root}{ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f"{root}{ASSETS}/swagger-ui.css",
        swagger_favicon_url=f"{root}{ASSETS}/favicon.png",
        # Otherwise the page shows its address to a validator on the internet.
        swagger_ui_parameters={"validatorUrl": None, "persistAuthorization": True},
    )


async def _redirect(request: Request) -> HTMLResponse:
    return get_swagger_ui_oauth2_redirect_html()
