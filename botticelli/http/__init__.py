"""The HTTP door: `botticelli serve`. Routes are thin; what they do is done by client/, carousel/ and monitoring/.

    from botticelli.http.app import create_app

    app = create_app(runtime)          # an ASGI app; `runtime` is the process's, and stays the caller's to close

How a request goes: `wire/` reads it (size, form, errors as problem+json), `access/` says whose it is, `routes/` answer.

To add pages or routes: write a module with an `APIRouter` called `router`, and name it in `routes/__init__.py`
(ROUTERS, `"module:attribute"`, in order; the first match answers). Nothing else is to be registered.

    from fastapi import APIRouter
    from botticelli.http.access.doors import Reader, Controller
    from botticelli.http.wire.checked_route import CheckedRoute

    router = APIRouter(route_class=CheckedRoute, tags=["runs"])

    @router.get("/v1/runs/{run_id}")
    def show_run(run_id: str, door: Reader) -> RunView: ...

* Handlers are `def`: they run in the pool of `[http] request_threads` threads. `async def` only for what never blocks.
* `Reader`, `Enqueuer`, `Controller`, `Approver`, `Admin` (access/doors.py) demand a scope and give a `Door`: `identity`
  (name, scopes, tenant, whether it came with a token or a cookie), `runtime` and `client` bound to its tenant (row-level
  security: rows of other tenants do not exist for it), `actor(reason)` for the audit log. `Anyone` gives the identity of
  a request or None, for pages that send strangers to a login.
* Raise the errors of botticelli/errors.py, or `Problem` (wire/problem_answers.py) for a status of your own: both become
  application/problem+json. `Problem(status, title, detail, **more)`.
* `CheckedRoute` refuses bodies that can't be stored (NUL, lone surrogates, NaN, too deep) and everything but JSON. Routes
  that read raw bytes or forms (webhooks, pages) use a plain APIRouter and `await request.body()`; the limit of 1 MB holds
  for every request (wire/body_limit.py).
* A session is a cookie SESSION_COOKIE that holds a token (access/browser_sessions.py); requests other than GET with that
  cookie must repeat `csrf_token(token)` in the header X-CSRF-Token. Without any token, requests to a loopback server
  from its own machine are the identity `local` with every scope.
* `request.app.state.runtime` is the process's own runtime, bound to no tenant: for webhooks, which are verified by their
  signature. `request.app.state.events` fans events out to streams (see `streams`).
"""
