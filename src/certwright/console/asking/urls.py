"""Addresses below `/console/ask/`."""

from django.urls import path

from .views import ask, ask_done, ask_for, ask_preview

urlpatterns = [
    path("", ask, name="ask"),
    path("for/<str:profile>/", ask_for, name="ask_for"),
    path("for/<str:profile>/preview/", ask_preview, name="ask_preview"),
    path("request/<int:identifier>/", ask_done, name="ask_done"),
]
