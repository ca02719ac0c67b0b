"""Addresses of findings, below `/console/findings/`."""

from django.urls import path

from .views import finding, findings

urlpatterns = [
    path("", findings, name="findings"),
    path("<int:identifier>/", finding, name="finding"),
]
