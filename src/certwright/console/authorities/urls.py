"""Addresses of authorities, below `/console/`. No name of an authority has an underscore in it."""

from django.urls import path

from .dangerous import leave
from .founding import accept, found, request_file, sign
from .views import authorities, authority, download

urlpatterns = [
    path("authorities/", authorities, name="authorities"),
    path("authorities/new_authority/", found, name="found_authority"),
    path("authorities/<str:name>/", authority, name="authority"),
    path("authorities/<str:name>/<int:number>/<str:kind>", download, name="authority_download"),
    path("authorities/<str:name>/sign/", sign, name="sign_subordinate"),
    path("authorities/<str:name>/request/", request_file, name="authority_request"),
    path("authorities/<str:name>/accept/", accept, name="accept_authority"),
    path("authorities/<str:name>/retire/", leave, {"what": "retire"}, name="retire_authority"),
    path("authorities/<str:name>/withdraw/", leave, {"what": "withdraw"}, name="withdraw_authority"),
]
