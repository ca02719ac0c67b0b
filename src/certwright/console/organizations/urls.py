"""Addresses of organizations, below `/console/organizations/`."""

from django.urls import path

from .act_views import change, new, record, revoke, upload
from .views import document, organization, organizations, request_state

urlpatterns = [
    path("", organizations, name="organizations"),
    path("new/", new, name="new_organization"),
    path("requests/<int:identifier>/", request_state, name="request_validation"),
    path("of/<int:identifier>/", organization, name="organization"),
    path("of/<int:identifier>/change/", change, name="change_organization"),
    path("of/<int:identifier>/upload/", upload, name="upload_evidence"),
    path("of/<int:identifier>/check/<slug:kind>/", record, name="record_check"),
    path("of/<int:identifier>/revoke/<int:check>/", revoke, name="revoke_check"),
    path("of/<int:identifier>/documents/<int:evidence>/", document, name="evidence"),
]
