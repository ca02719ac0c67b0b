"""What Django answers; everything here has first been past the handlers of the dispatcher."""

from django.urls import include, path
from django.views.generic import RedirectView

from .pages.views import start

urlpatterns = [
    path("favicon.ico", RedirectView.as_view(url="/static/certwright/icon.svg")),
    path("", start, name="start"),
    path("console/", include("certwright.console.urls")),
    path("api/", include("certwright.api.routes")),
]
