#!/bin/sh
# The redirect of App Mesh, in the network namespace of a task: redirect.sh [PORT,PORT…]
# Connections to these ports lead to 15000. Those of all users except Envoy's lead to 15001.
set -eu
ports="${1:-}"
for iptables in iptables ip6tables; do
  if [ -n "$ports" ]; then
    "$iptables" -w -t nat -A PREROUTING -p tcp -m multiport --dports "$ports" \
      -m addrtype ! --src-type LOCAL -j REDIRECT --to-ports 15000
  fi
  if [ "$iptables" = iptables ]; then
    # Metadata and credentials of a task on AWS.
    "$iptables" -w -t nat -A OUTPUT -p tcp -d 169.254.169.254,169.254.170.2 -j RETURN
  fi
  "$iptables" -w -t nat -A OUTPUT -p tcp -m addrtype ! --dst-type LOCAL \
    -m owner ! --uid-owner 1337 -m multiport ! --dports 22 -j REDIRECT --to-ports 15001
done
