"""Addresses of proposals, below `/console/`."""

from django.urls import path

from .views import proposal, proposals

urlpatterns = [
    path("proposals/", proposals, name="proposals"),
    path("proposals/<str:number>/", proposal, name="proposal"),
]
