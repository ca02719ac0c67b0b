"""What Django answers; everything here has first been past the handlers of the dispatcher."""

from django.urls import path

from .pages.views import start

urlpatterns = [
    path("", start, name="start"),
]
