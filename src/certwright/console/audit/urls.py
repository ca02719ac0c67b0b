"""Addresses of the audit log, below `/console/`."""

from django.urls import path

from .exports import export
from .verifying import verify
from .views import event, events

urlpatterns = [
    path("audit/", events, name="audit"),
    path("audit/verify/", verify, name="verify_audit"),
    path("audit/export.<str:kind>", export, name="export_audit"),
    path("audit/<int:identifier>/", event, name="audit_event"),
]
