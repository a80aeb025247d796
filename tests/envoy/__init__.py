"""The translation to Envoy and the streams of proxies."""
