"""Django's handle on the tables. Nothing is connected here: no signals, no start-up work."""

from django.apps import AppConfig


class StoreConfig(AppConfig):
    name = "certwright.store"
    label = "store"
    default_auto_field = "django.db.models.BigAutoField"
