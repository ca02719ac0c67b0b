"""The settings of mail to people, in the table `mail` of `certwright.toml`."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator

from .setting_types import HostName, MailAddress, Seconds, Table


class Mail(Table):
    """The mail server that takes notices for people. Without `host` notices stand in the console only."""

    host: HostName = Field("", description="Name or address of the mail server. Not set: no mail is sent.")
    port: Annotated[int, Field(ge=1, le=65535)] = Field(587, description="Its port; 465 with `tls`, usually.")
    security: Literal["starttls", "tls", "none"] = Field(
        "starttls",
        description="`starttls` begins plain and goes on only under TLS, `tls` begins with it; the server's "
        "certificate must be good for `host`. `none`: for a server on the same machine.",
    )
    sender: MailAddress = Field("", description="The address that mails are from; required with `host`.")
    user: str = Field("", max_length=200, description="Name to log in with. Not set: no log-in.")
    password: SecretStr | None = Field(None, description="Its password. Better: `password_file`.")
    password_file: Path | None = Field(None, description="File that holds the password and nothing else.")
    ca_file: Path | None = Field(
        None, description="File of certificates that the server's must come from. Not set: the system's."
    )
    timeout_seconds: Seconds = Field(30, description="Bound on handing over one mail.")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.host and not self.sender:
            raise ValueError("with host there must be a sender, the address that mails are from")
        if self.password is not None and self.password_file is not None:
            raise ValueError("password and password_file are both given; keep one")
        if bool(self.user) != (self.password is not None or self.password_file is not None):
            raise ValueError("user and its password, or password_file, are given together")
        if self.user and self.security == "none":
            raise ValueError("a password is sent under TLS only; set security to starttls or tls")
        return self
