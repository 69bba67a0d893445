"""What the address in a problem document's `type` leads to."""

from django.http import HttpRequest
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.permissions import AllowAny
from rest_framework.response import Response
from rest_framework.views import APIView

from chargeportal.common.api.problems import KINDS


@extend_schema(exclude=True)
class ProblemKindView(APIView):
    """One kind of problem in plain words, for everybody."""

    permission_classes = (AllowAny,)
    authentication_classes = ()

    def get(self, request: HttpRequest, slug: str) -> Response:
        """The status that comes with it, its title and what to do. Raises: NotFound."""
        if slug not in KINDS:
            raise NotFound
        kind = KINDS[slug]
        return Response(
            {"slug": slug, "status": kind.status, "title": str(kind.title), "meaning": str(kind.meaning)}
        )
