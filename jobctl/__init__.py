"""Administration of document-processing jobs held in Redis or Valkey, documents in S3."""

__version__ = "0.1.0"
