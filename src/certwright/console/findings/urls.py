"""Addresses of findings, below `/console/findings/`."""

from django.urls import path

from .readiness_views import readiness
from .score_views import scores
from .views import finding, findings

urlpatterns = [
    path("", findings, name="findings"),
    path("readiness/", readiness, name="readiness"),
    path("scores/", scores, name="scores"),
    path("<int:identifier>/", finding, name="finding"),
]
