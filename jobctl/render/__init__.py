"""Results as text: tables, TSV, CSV and JSON, always safe to print."""
