"""A worker that starts a program of its own."""

import os
import signal
import subprocess

subprocess.Popen(["sleep", "3600"])
os.write(int(os.environ["CERTWRIGHT_HEART"]), b".")
signal.sigwait({signal.SIGTERM, signal.SIGINT})
