# Makes the secrets of one trial of compose.yaml or kubernetes-endpoint/, in variables of this shell:
# . deploy/secrets.sh
# They are a self-signed certificate, its key, and an access key that may read and write.
ENDPOINT_KEY=$(openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256)
ENDPOINT_CERTIFICATE=$(printf '%s\n' "$ENDPOINT_KEY" | openssl req -x509 -new -key /dev/stdin -days 30 \
  -subj /CN=endpoint -addext "subjectAltName=DNS:endpoint,DNS:endpoint.mesh-endpoint,\
DNS:endpoint.mesh-endpoint.svc,DNS:localhost,IP:127.0.0.1")
ENDPOINT_SECRET=$(openssl rand -hex 20)
ENDPOINT_CREDENTIALS="[COMPOSE]
secret = \"$ENDPOINT_SECRET\"
account = \"000000000000\"
allow = [\"read\", \"write\"]"
export ENDPOINT_KEY ENDPOINT_CERTIFICATE ENDPOINT_SECRET ENDPOINT_CREDENTIALS
