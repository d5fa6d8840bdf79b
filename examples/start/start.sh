set -euo pipefail
ask() {
  curl -sS --fail-with-body --max-time 2 --retry 5 --retry-connrefused --retry-max-time 10 "$METAGATE_URL$1" \
    -H "X-API-Key: $METAGATE_KEY" -H 'Content-Type: application/json' -d "$2"
}
PACKET=$(ask /v1/bootstrap '{"component_key": "memorygate_main", "instance_id": "host-3"}')
echo "memorygate is at $(sed -n 's/.*"memorygate":{[^}]*"endpoint":"\([^"]*\)".*/\1/p' <<< "$PACKET")"
STARTUP_ID=$(sed -n 's/.*"startup_id":"\([^"]*\)".*/\1/p' <<< "$PACKET")
READY=$(ask /v1/startup/ready "{\"startup_id\": \"$STARTUP_ID\", \"build_version\": \"1.4.2\"}")
echo "acknowledged as $(sed -n 's/.*"status":"\([^"]*\)".*/\1/p' <<< "$READY")"
