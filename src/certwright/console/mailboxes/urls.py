"""Addresses of proofs of mail addresses, below `/console/`."""

from django.urls import path

from .views import mailbox, mailboxes, proofs, take_away

urlpatterns = [
    path("account/mail-addresses/", mailboxes, name="mailboxes"),
    path("account/mail-addresses/<int:identifier>/", mailbox, name="mailbox"),
    path("mail-addresses/", proofs, name="mailbox_proofs"),
    path("mail-addresses/<int:identifier>/take-away/", take_away, name="take_away_mailbox"),
]
