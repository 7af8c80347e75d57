"""People of the demo: annotators who can log in, and the name that the old labels stand under."""

import secrets
from dataclasses import dataclass

import httpx

from relabel.demo import api
from relabel.errors import LabelStudioError

ORIGINAL_LABELS = ("Original", "labels")
"""First and last name of the technical user, as the screens of Label Studio show it."""


@dataclass(frozen=True, slots=True)
class Account:
    """Someone who can log in; `token` is the legacy token for the HTTP API."""

    id: int
    email: str
    password: str
    token: str


def new_password() -> str:
    """Return a random password that a person can still type."""
    return secrets.token_hex(6)


def sign_up(admin: httpx.Client, email: str, password: str, name: tuple[str, str]) -> Account:
    """Create an account as a person does who follows the invite link.

    Args:
        admin: Client of somebody in the organization.
        email: Must not be registered yet.
        password: At least eight characters.
        name: First and last name.

    Raises:
        LabelStudioError: The form was refused.
    """
    invite = api.get(admin, "/api/invite")["invite_url"]
    with httpx.Client(base_url=admin.base_url, trust_env=False, timeout=60.0) as browser:
        browser.get(invite).raise_for_status()
        form = {"email": email, "password": password}
        form["csrfmiddlewaretoken"] = browser.cookies["csrftoken"]
        answer = browser.post(invite, data=form)
        if not answer.is_redirect:  # the form comes back with its complaint
            raise LabelStudioError(
                f"Label Studio refused to sign up {email} ({answer.status_code})."
            )
        token = browser.get("/api/current-user/token").raise_for_status().json()["token"]
    with api.connect(str(admin.base_url), token) as client:
        user = int(api.get(client, "/api/current-user/whoami")["id"])
        api.patch(client, f"/api/users/{user}/", {"first_name": name[0], "last_name": name[1]})
    return Account(user, email, password, token)


def technical_user(admin: httpx.Client, email: str, name: tuple[str, str]) -> int:
    """Return the id of the user with this email, who cannot log in; create it if absent."""
    for user in api.get(admin, "/api/users/"):
        if user["email"] == email:
            return int(user["id"])
    body = {"email": email, "username": email, "first_name": name[0], "last_name": name[1]}
    return int(api.post(admin, "/api/users/", body)["id"])
