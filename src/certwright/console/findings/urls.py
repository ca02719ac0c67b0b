"""Addresses of findings, below `/console/findings/`."""

from django.urls import path

from .score_views import scores
from .views import finding, findings

urlpatterns = [
    path("", findings, name="findings"),
    path("scores/", scores, name="scores"),
    path("<int:identifier>/", finding, name="finding"),
]
