"""Answers errors that no handler knows: 503 when a server is away, else 500, and never a traceback."""

from __future__ import annotations

from botticelli.http.wire.body_limit import App, Message, Receive, Scope, Send
from botticelli.http.wire.problem_answers import problem_answer, problem_of


class Faults:
    """Turns an error that reaches it into an answer, unless one has begun."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_begun = False

        async def watched(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:
            if has_begun:
                raise
            await problem_answer(problem_of(error, scope["app"].state.runtime.settings), scope["path"])(
                scope, receive, send
            )
