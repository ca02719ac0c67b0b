"""Addresses of the console's pages, below `/console/`."""

from django.urls import URLPattern, URLResolver, include, path

from .certificates import keeping, one, own_fields, views
from .views import home

urlpatterns: list[URLPattern | URLResolver] = [
    path("", home, name="console"),
    path("account/", include("certwright.console.login.account_urls")),
    path("", include("certwright.console.people.urls")),
    path("ask/", include("certwright.console.asking.urls")),
    path("requests/", include("certwright.console.requests.urls")),
    path("organizations/", include("certwright.console.organizations.urls")),
    path("policy/", include("certwright.console.policy.urls")),
    path("", include("certwright.console.proposals.urls")),
    path("", include("certwright.console.notices.urls")),
    path("", include("certwright.console.mailboxes.urls")),
    path("", include("certwright.console.authorities.urls")),
    path("", include("certwright.console.endpoints.urls")),
    path("", include("certwright.console.profiles.urls")),
    path("discovery/", include("certwright.console.discovery.urls")),
    path("findings/", include("certwright.console.findings.urls")),
    path("", include("certwright.console.audit.urls")),
    path("", include("certwright.console.settings.urls")),
    path("find/", views.find_some, name="find"),
    path("certificates/", views.certificates, name="certificates"),
    path("certificates/chosen/", views.act_on_chosen, name="certificates_chosen"),
    path("certificates/views/", views.views, name="certificate_views"),
    path("certificates/export.<str:kind>", views.export, name="certificates_export"),
    path("fields/", own_fields.own_fields, name="own_fields"),
    path("fields/new/", own_fields.new_own_field, name="new_own_field"),
    path("fields/of/<str:name>/", own_fields.own_field, name="own_field"),
    path("certificates/<str:reference>/", one.certificate, name="certificate"),
    path("certificates/<str:reference>/download/<str:kind>", one.download, name="certificate_download"),
    path("certificates/<str:reference>/assign/", keeping.keep, {"what": "assign"}, name="certificate_assign"),
    path("certificates/<str:reference>/adopt/", keeping.keep, {"what": "adopt"}, name="certificate_adopt"),
    path("certificates/<str:reference>/ignore/", keeping.keep, {"what": "ignore"}, name="certificate_ignore"),
    path("certificates/<str:reference>/<str:what>/", one.act, name="certificate_act"),
]
