"""What commands print: progress, tables, drawings."""
