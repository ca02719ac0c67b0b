"""Addresses of notices, attestation and responsibility, below `/console/`."""

from django.urls import path

from .attestation import answer, campaign, campaigns, export_record, new_campaign
from .responsibility import export_matrix, matrix
from .views import notices

urlpatterns = [
    path("notices/", notices, name="notices"),
    path("attestation/", campaigns, name="attestation"),
    path("attestation/new/", new_campaign, name="new_campaign"),
    path("attestation/<int:identifier>/", campaign, name="campaign"),
    path("attestation/<int:identifier>/answer/", answer, name="campaign_answer"),
    path("attestation/<int:identifier>/record.csv", export_record, name="campaign_record"),
    path("responsibility/", matrix, name="responsibility"),
    path("responsibility/matrix.csv", export_matrix, name="responsibility_export"),
]
