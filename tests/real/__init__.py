"""Real things for the tests: packages, servers, tokens and tools, started and stopped by the test itself.

packages      Debian packages, installed once
environments  tools from the Python package index that need a virtual environment of their own
processes     a server as a child process: wait for its port, read its output, stop it
postgresql    one private PostgreSQL cluster per test run, a database per test
softhsm       a PKCS#11 token in software
debian13      a folder holding Debian 13, for tools which Debian 12 has not
"""
