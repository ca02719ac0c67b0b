"""Addresses of the console's pages, below `/console/`."""

from django.urls import include, path

from .views import home

urlpatterns = [
    path("", home, name="console"),
    path("account/", include("certwright.console.login.account_urls")),
    path("", include("certwright.console.people.urls")),
]
