"""Pages that ask for a certificate: a form drawn from the profile, with the certificate to be beside it."""
