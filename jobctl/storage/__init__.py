"""Adapters to Redis, S3 and the file system; they translate foreign errors once."""
