"""HTTP interface of the daemon (health, metrics, status, web page), and its client."""
