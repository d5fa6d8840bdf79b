# Generates the client into generated/, and runs check.py on it.
set -eu
[ -x venv/bin/python ] || python3 -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
venv/bin/openapi-python-client generate --path ../../openapi.yaml --output-path generated/metagate_client --config generator.yaml --meta none --overwrite
PYTHONPATH=generated venv/bin/python check.py
