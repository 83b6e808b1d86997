"""Transports: code that reaches one provider each; they raise `SendError` alone and know neither store nor content."""
