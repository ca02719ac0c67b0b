"""Stands where the worker does: is ready at once, and ends when told to."""

import os
import signal

os.write(int(os.environ["CERTWRIGHT_HEART"]), b".")
signal.sigwait({signal.SIGTERM, signal.SIGINT})
