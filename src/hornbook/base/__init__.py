"""What every room stands on: files, errors, records, the console."""
