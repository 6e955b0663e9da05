"""The rules of data quality: facts in, verdicts out."""
