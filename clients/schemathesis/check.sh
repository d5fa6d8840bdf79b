# Runs schemathesis with METAGATE_KEY against METAGATE_URL: a server to throw away.
# SEED and EXAMPLES, where they are set, say what schemathesis.toml says otherwise.
set -eu
[ -x venv/bin/python ] || python3 -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
rm -rf .schemathesis .hypothesis # each run begins alike
venv/bin/schemathesis --config-file schemathesis.toml run ../../openapi.yaml --url "$METAGATE_URL" --no-color \
  ${SEED:+--seed "$SEED"} ${EXAMPLES:+--max-examples "$EXAMPLES"}
