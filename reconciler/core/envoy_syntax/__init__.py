"""Texts that only Envoy can reject: regular expressions and the formats of access logs.

The checks of manifests and the translation for Envoys share these modules.
"""

UINT32_MAX = 4_294_967_295
# Envoy rejects a longer server name in TLS.
MAX_SERVER_NAME = 255
