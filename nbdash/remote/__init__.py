"""Publishing to a server elsewhere: the server itself, the tokens for it, and what is remembered of it."""
