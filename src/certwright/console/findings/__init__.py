"""What is wrong with certificates, and what people say to it."""
