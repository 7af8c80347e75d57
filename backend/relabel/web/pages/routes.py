"""The dashboard: pages for people over the same store that the protocol works on.

Written in the subset of Flask that runs on 1.1.2 and on 3.x. Pages work without JavaScript.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Flask, Response, jsonify, redirect, render_template, request, url_for
from sqlalchemy import Engine
from werkzeug.exceptions import NotFound

from relabel.errors import RelabelError
from relabel.media.registry import MEDIUM
from relabel.service.insight.names import Names, called
from relabel.service.insight.overview import Overview, sentence
from relabel.settings import Settings
from relabel.storage.database import reading
from relabel.storage.projects import list_projects
from relabel.storage.tasks import list_tasks
from relabel.web.health import Health
from relabel.web.overviews import Overviews
from relabel.web.pages.actions import ACTIONS, CONFIRMED, said_after
from relabel.web.pages.project import PAGES

CONTENT_POLICY = (
    "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
THUMBNAIL_SECONDS = 300
"""How long a browser may keep a thumbnail: a task's image hardly ever changes."""


def add_dashboard(
    app: Flask,
    engine: Engine,
    settings: Settings,
    overviews: Overviews,
    health: Health,
    *,
    answer: Callable[[], Response],
) -> None:
    """Add the pages to the application; `answer` is what "/" says to whoever wants no page."""
    pages = Dashboard(engine, settings, overviews, health, answer)
    blueprint = Blueprint(
        "dashboard", "relabel.web", template_folder="templates", static_folder="static"
    )
    rules = (
        ("/", "home", pages.home, "GET"),
        ("/projects/<int:number>", "project", pages.page, "GET"),
        ("/projects/<int:number>/live", "live", pages.live, "GET"),
        ("/projects/<int:number>/<name>", "page", pages.page, "GET"),
        ("/projects/<int:number>/<action>", "act", pages.act, "POST"),
        ("/projects/<int:number>/<action>/confirm", "confirm", pages.confirm, "GET"),
        ("/projects/<int:number>/thumbnails/<int:task>", "thumbnail", pages.thumbnail, "GET"),
    )
    for path, name, view, method in rules:
        blueprint.add_url_rule(path, name, view, methods=[method])
    for name, filter_ in FILTERS.items():
        blueprint.add_app_template_filter(filter_, name)
    app.register_blueprint(blueprint)
    app.after_request(_for_people)


class Dashboard:
    """Views over the store; each is a plain method that Flask calls."""

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        overviews: Overviews,
        health: Health,
        answer: Callable[[], Response],
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._health = health
        self._answer = answer
        self._overviews = overviews
        self._names = Names(settings)
        self._thumbnails = MEDIUM.previews(settings)

    def home(self) -> Any:
        """List the projects."""
        if not wants_page():
            return self._answer()
        with reading(self._engine) as connection:
            projects = list_projects(connection)
        shown = [(p, *self._state_of(p.id)) for p in projects]
        return render_template("home.html", projects=shown, health=self._health.findings())

    def page(self, number: int, name: str = "overview") -> Any:
        """Show one page of a project."""
        page = PAGES.get(name)
        if page is None:
            raise NotFound
        overview = self._overviews.get(number)
        off = not self._settings.show_annotators
        hidden = name == "annotators" and (off or request.args.get("people") != "1")
        names = self._names.get() if name == "annotators" and not hidden else {}
        return self._render(
            f"{name}.html",
            overview,
            name=name,
            page=page,
            said=said_after(request.args.get("said", "")),
            label_studio=self._settings.label_studio_url.rstrip("/"),
            hidden=hidden,
            off=off,
            names=names,
            **({} if hidden else page.show(overview, self._settings, request.args)),
        )

    def live(self, number: int) -> Response:
        """Return the figures that an open page keeps up to date, as late as a page may be."""
        return jsonify(self._overviews.get(number).status)

    def confirm(self, number: int, action: str) -> Any:
        """Say what an action would do, with the button that does it."""
        if action not in CONFIRMED:
            raise NotFound
        asked = CONFIRMED[action]
        found = asked.preview(self._engine, self._settings, number)
        return self._render(
            "confirm.html",
            self._overviews.get(number),
            name="",
            action=action,
            title=asked.title,
            nothing=asked.nothing,
            found=found,
        )

    def act(self, number: int, action: str) -> Any:
        """Carry out what a button says."""
        if action not in ACTIONS and action not in CONFIRMED:
            raise NotFound
        if action in ACTIONS:
            ACTIONS[action].do(self._engine, number)
        else:
            run = request.form.get("run", "")
            CONFIRMED[action].do(self._engine, self._settings, number, run)
        self._overviews.forget(number)
        return redirect(url_for("dashboard.project", number=number, said=action), code=303)

    def thumbnail(self, number: int, task: int) -> Response:
        """Serve a task's picture from the cache."""
        with reading(self._engine) as connection:
            found = list_tasks(connection, number, [task]).get(task)
        digest = self._thumbnails.digest(number, found.image) if found else ""
        content = self._thumbnails.read(digest) if digest else None
        if content is None:
            raise NotFound("There is no picture of this task in the cache (yet).")
        response = Response(content, mimetype=MEDIUM.mimetype)
        response.headers["Cache-Control"] = f"private, max-age={THUMBNAIL_SECONDS}"
        response.set_etag(digest)
        response.make_conditional(request)
        return response

    def _render(self, template: str, overview: Overview, **values: Any) -> str:
        return render_template(
            template, overview=overview, status=overview.status, pages=PAGES, **values
        )

    def _state_of(self, number: int) -> tuple[str, dict[str, Any]]:
        """Return one sentence and the figures of a project; a broken one says what is wrong."""
        try:
            overview = self._overviews.get(number)
        except RelabelError as error:
            return str(error), {}
        return sentence(overview), overview.status


def wants_page() -> bool:
    """Return whether the client asks for a page rather than for data."""
    best = request.accept_mimetypes.best_match(["application/json", "text/html"])
    return bool(best == "text/html")


def _for_people(response: Response) -> Response:
    """Answer people's errors with a page, and let pages load nothing from elsewhere."""
    if response.status_code >= 400 and response.mimetype == "application/json" and wants_page():
        text = (response.get_json() or {}).get("error", "")
        response.set_data(render_template("error.html", code=response.status_code, text=text))
        response.mimetype = "text/html"
    if response.mimetype == "text/html":
        response.headers["Content-Security-Policy"] = CONTENT_POLICY
        response.headers["Cache-Control"] = "no-store"
        response.headers["Referrer-Policy"] = "same-origin"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def moment(seconds: float | None) -> str:
    """Return a point in time for people, in UTC; "" for none."""
    if seconds is None:
        return ""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def duration(seconds: float | None) -> str:
    """Return a length of time in its largest unit; "" for none."""
    if seconds is None:
        return ""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def share(value: float | None) -> str:
    """Return a share of 1 in percent, a dash for none."""
    return "-" if value is None else f"{value:.0%}"


def nats(value: float | None) -> str:
    """Return an information in nats, a dash for none."""
    return "-" if value is None else f"{value:.2f}".replace("-0.00", "0.00")


def whole(value: float) -> str:
    """Return a number without digits after the point."""
    return f"{value:,.0f}"


FILTERS: dict[str, Callable[..., str]] = {
    "moment": moment,
    "duration": duration,
    "share": share,
    "nats": nats,
    "whole": whole,
    "called": called,
}
"""How templates write values."""
