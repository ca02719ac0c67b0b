"""Addresses of requests and of deputies, below `/console/requests/`."""

from django.urls import path

from .deputies import delegations
from .one import again, prove, request_page
from .views import requests

urlpatterns = [
    path("", requests, name="requests"),
    path("delegations/", delegations, name="delegations"),
    path("<str:identifier>/", request_page, name="request"),
    path("<str:identifier>/prove/", prove, name="request_prove"),
    path("<str:identifier>/again/", again, name="request_again"),
]
