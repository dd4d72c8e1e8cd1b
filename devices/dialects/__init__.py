"""Bytes to events and answers to bytes, one dialect a file, no sockets."""
