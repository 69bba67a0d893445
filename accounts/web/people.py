"""Who is logged in, for views that only such people reach."""

from django.http import HttpRequest

from accounts.models import User


def person(request: HttpRequest) -> User:
    """The person who is logged in; views without ``login_required`` may not ask."""
    if not isinstance(request.user, User):
        raise TypeError("nobody is logged in")
    return request.user
