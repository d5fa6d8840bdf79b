# Generates the types into src/generated.ts, and builds and runs src/check.ts on them.
set -eu
npm ci --silent --no-audit --no-fund
npm run --silent generate
npm run --silent build
npm run --silent check
