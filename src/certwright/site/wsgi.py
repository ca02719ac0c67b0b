"""Django as a WSGI application. Importing this is what starts Django."""

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
