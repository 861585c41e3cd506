"""What browsers are told: nothing is anything else than its content type says, and a page loads and runs its own files only."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_PAGE = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
# Swagger UI starts itself from a script in its page and styles itself in place. Nothing on that page comes from a request.
_DOCS = _PAGE.replace("script-src 'self'", "script-src 'self' 'unsafe-inline'").replace(
    "style-src 'self'", "style-src 'self' 'unsafe-inline'"
)


class SecurityHeaders:
    """ASGI middleware: nosniff on every answer; on pages a content security policy, and no referrer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message["headers"]
                headers.append((b"x-content-type-options", b"nosniff"))
                if any(name == b"content-type" and value.startswith(b"text/html") for name, value in headers):
                    policy = _DOCS if scope["path"].startswith("/docs") else _PAGE
                    headers.append((b"content-security-policy", policy.encode()))
                    headers.append((b"referrer-policy", b"no-referrer"))
            await send(message)

        await self._app(scope, receive, with_headers)
