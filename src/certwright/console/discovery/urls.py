"""Addresses of discovery, below `/console/discovery/`."""

from django.urls import path

from .network_views import networks
from .run_views import difference, discovery_run
from .scope_views import change_scope, leave_scope, new_scope
from .views import discovery, look_once

urlpatterns = [
    path("", discovery, name="discovery"),
    path("networks/", networks, name="networks"),
    path("look/<slug:source>/", look_once, name="look_once"),
    path("scopes/new/<slug:source>/", new_scope, name="new_scope"),
    path("scopes/of/<str:name>/", change_scope, name="scope"),
    path("scopes/of/<str:name>/remove/", leave_scope, name="remove_scope"),
    path("runs/<int:identifier>/", discovery_run, name="discovery_run"),
    path("runs/<int:identifier>/difference/", difference, name="run_difference"),
]
