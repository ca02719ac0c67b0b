"""Logging in: accounts, second factors, sessions. django-allauth behind our operations and pages."""
