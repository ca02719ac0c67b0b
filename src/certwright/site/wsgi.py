"""Django as a WSGI application. Importing this is what starts Django."""

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

application = get_wsgi_application()
_ = get_resolver().url_patterns  # all pages and routes are loaded with it
