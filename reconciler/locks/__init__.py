"""One writer among several: leases that are kept in a file or a table; decides no change."""
