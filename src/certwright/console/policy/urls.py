"""Addresses of the rules of issuance, below `/console/policy/`."""

from django.urls import path

from .draft_views import draft, edit, save
from .views import compare, export, policy, version

urlpatterns = [
    path("", policy, name="policy"),
    path("versions/<int:number>/", version, name="policy_version"),
    path("compare/", compare, name="policy_compare"),
    path("export.toml", export, name="policy_export"),
    path("edit/", edit, name="policy_edit"),
    path("drafts/<str:identifier>/", draft, name="policy_draft"),
    path("drafts/<str:identifier>/save/", save, name="policy_draft_save"),
]
