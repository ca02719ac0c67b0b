"""Addresses of endpoints, below `/console/`."""

from django.urls import path

from .editing import edit, leave, new
from .keys import new_key
from .views import endpoint, endpoints

urlpatterns = [
    path("endpoints/", endpoints, name="endpoints"),
    path("endpoints/new/", new, name="new_endpoint"),
    path("endpoints/<str:protocol>/<str:name>/", endpoint, name="endpoint"),
    path("endpoints/<str:protocol>/<str:name>/edit/", edit, name="edit_endpoint"),
    path("endpoints/<str:protocol>/<str:name>/close/", leave, name="close_endpoint"),
    path("endpoints/<str:protocol>/<str:name>/key/", new_key, name="new_account_key"),
]
