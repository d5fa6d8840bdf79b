# Generates the client into target/, and builds and runs Check on it.
set -eu
rm -rf target # what is no longer generated would still be built
mvn --quiet --batch-mode compile dependency:build-classpath -Dmdep.outputFile=target/classpath
java -cp "target/classes:$(cat target/classpath)" Check
