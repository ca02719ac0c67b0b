"""Addresses below `/login/`, by the names django-allauth knows. There is no sign-up and no reset by mail."""

from allauth.account import views as account
from allauth.mfa.base import views as factors
from allauth.mfa.webauthn import views as passkeys
from django.urls import path

from . import openid_views, saml_views
from .certificate_views import by_certificate
from .views import LoginPage, PasswordView

urlpatterns = [
    path("", LoginPage.as_view(), name="account_login"),
    path("certificate/", by_certificate, name="login_by_certificate"),
    path("from/<str:name>/", openid_views.begin, name="openid_begin"),
    path("from/<str:name>/done/", openid_views.finish, name="openid_finish"),
    path("saml/<str:name>/", saml_views.begin, name="saml_begin"),
    path("saml/<str:name>/acs", saml_views.answer, name="saml_answer"),
    path("saml/<str:name>/metadata", saml_views.metadata, name="saml_metadata"),
    path("factor/", factors.authenticate, name="mfa_authenticate"),
    path("passkey/", passkeys.login_webauthn, name="mfa_login_webauthn"),
    path("out/", account.logout, name="account_logout"),
    path("password/", PasswordView.as_view(), name="account_change_password"),
    path("again/", account.reauthenticate, name="account_reauthenticate"),
    path("again/factor/", factors.reauthenticate, name="mfa_reauthenticate"),
    path("again/passkey/", passkeys.reauthenticate_webauthn, name="mfa_reauthenticate_webauthn"),
]
