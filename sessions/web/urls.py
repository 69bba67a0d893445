"""The front page, places, starts, and sessions."""

from django.urls import path

from sessions.web import history, home, location, session_page, start

urlpatterns = [
    path("", home.home, name="portal-home"),
    path("chargers/<uuid:public_id>/", location.location_page, name="location"),
    path("charge/<uuid:public_id>/", start.start_page, name="session-start"),
    path("charge/requests/<int:pk>/", start.start_request, name="start-request"),
    path("sessions/", history.session_list, name="session-list"),
    path("sessions/<uuid:public_id>/", session_page.session_page, name="session"),
    path("sessions/<uuid:public_id>/stop/", session_page.session_stop, name="session-stop"),
]
