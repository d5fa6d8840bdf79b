# Generates the crate generated/, and builds and runs src/main.rs on it.
set -eu
mvn --quiet --batch-mode generate-sources
cargo run --quiet --locked
