"""The address of the settings, below `/console/`."""

from django.urls import path

from .views import installation

urlpatterns = [path("settings/", installation, name="settings")]
