"""What Django answers; everything here has first been past the handlers of the dispatcher."""

from django.urls import include, path

from .pages.views import start

urlpatterns = [
    path("", start, name="start"),
    path("api/", include("certwright.api.routes")),
]
