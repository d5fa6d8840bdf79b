# Generates the crate generated/, and builds and runs src/main.rs on it.
set -eu
rm -rf generated # what is no longer generated would still be built
mvn --quiet --batch-mode generate-sources
cargo run --quiet --locked
