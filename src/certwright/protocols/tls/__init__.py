"""TLS as seen by somebody who only looks: a hello is sent, the server's answer is read as far as its chain,
nothing is ever agreed on. Octets in, octets out; randomness and keys are handed in; nothing is trusted."""
