"""A PostgreSQL cluster of its own that offers TLS: the run's shared one does not."""

import os
import pwd
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.real import postgresql
from tests.real.postgresql import Postgresql
from tests.real.tls_servers import Presented


@contextmanager
def secured(presented: Presented) -> Iterator[Postgresql]:
    """With this chain and key, and TLS alone for everybody who does not come by its socket."""
    cluster = postgresql.start()
    try:
        data = Path(cluster.folder, "data")
        for name, source in (("server.crt", presented.whole), ("server.key", presented.key)):
            shutil.copyfile(source, data / name)
            (data / name).chmod(0o600)
            if os.geteuid() == 0:
                owner = pwd.getpwnam("postgres")
                os.chown(data / name, owner.pw_uid, owner.pw_gid)
        (data / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 scram-sha-256\n")
        with psycopg.connect(cluster.url("postgres"), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET ssl = on")
            connection.execute("ALTER SYSTEM SET log_connections = on")
        cluster.crash()
        yield cluster
    finally:
        cluster.stop()
