"""Pages on what people should know: notices, attestation, who answers for what."""
