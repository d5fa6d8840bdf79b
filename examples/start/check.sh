# Runs one of the starts against METAGATE_URL with METAGATE_KEY: bash check.sh python
set -eu
case $1 in
  go) said=$(METAGATE_COMPONENT=memorygate_main METAGATE_API_KEY=$METAGATE_KEY CGO_ENABLED=0 go run ./go) ;;
  python) said=$(python3 start.py) ;;
  javascript) said=$(node start.mjs) ;;
  java) said=$(java Start.java) ;;
  rust) said=$(cargo run --quiet --locked --manifest-path rust/Cargo.toml) ;;
  shell) said=$(bash start.sh) ;;
esac
echo "$said"
test "$said" = "memorygate is at http://memorygate:8001/mcp
acknowledged as READY"
