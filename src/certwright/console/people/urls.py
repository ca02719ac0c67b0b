"""Addresses of accounts and teams, below `/console/`."""

from django.urls import path

from .team_views import new_team, team, teams
from .token_views import own_tokens, service_tokens
from .views import new_password, new_person, people, person

urlpatterns = [
    path("people/", people, name="people"),
    path("people/new/", new_person, name="new_person"),
    path("people/of/<str:name>/", person, name="person"),
    path("people/of/<str:name>/password/", new_password, name="new_password"),
    path("people/of/<str:name>/tokens/", service_tokens, name="service_tokens"),
    path("account/tokens/", own_tokens, name="own_tokens"),
    path("teams/", teams, name="teams"),
    path("teams/new/", new_team, name="new_team"),
    path("teams/of/<str:name>/", team, name="team"),
]
