"""Addresses of profiles, below `/console/`. No name of a profile has an underscore in it."""

from django.urls import path

from .editing import edit, new
from .views import preview_of, profile, profiles

urlpatterns = [
    path("profiles/", profiles, name="profiles"),
    path("profiles/new_profile/", new, name="new_profile"),
    path("profiles/<str:name>/", profile, name="profile"),
    path("profiles/<str:name>/preview/", preview_of, name="preview_profile"),
    path("profiles/<str:name>/edit/", edit, name="edit_profile"),
]
