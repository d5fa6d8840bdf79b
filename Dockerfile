FROM --platform=$BUILDPLATFORM golang:1.26-bookworm AS build
WORKDIR /src
# The modules change seldom: a layer of their own.
COPY go.mod go.sum ./
COPY component/go.mod component/
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG TARGETOS TARGETARCH VERSION REVISION
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -buildvcs=false \
      -ldflags "-s -w ${VERSION:+-X main.version=$VERSION} ${REVISION:+-X github.com/legivellum/metagate/internal/telemetry.revision=$REVISION}" -o /out/ ./cmd/metagate ./cmd/metagate-component
# What the empty image needs beside the binary; /tmp is for SQLite's temporary files.
RUN mkdir /out/data /out/tmp && \
    echo 'metagate:x:65532:65532::/data:/sbin/nologin' > /out/passwd && \
    echo 'metagate:x:65532:' > /out/group

FROM scratch
ARG VERSION
LABEL org.opencontainers.image.title="MetaGate" \
      org.opencontainers.image.description="Bootstrap authority and witness for LegiVellum-compatible systems" \
      org.opencontainers.image.source="https://github.com/legivellum/metagate" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="$VERSION"
COPY --from=build /out/passwd /out/group /etc/
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
# The second is for other images: COPY --from=metagate /usr/local/bin/metagate-component /usr/local/bin/metagate
COPY --from=build /out/metagate /out/metagate-component /usr/local/bin/
COPY --from=build --chown=65532:65532 /out/data /data
COPY --from=build --chown=65532:65532 /out/tmp /tmp
# `docker exec CONTAINER metagate seed` finds the binary here.
ENV PATH=/usr/local/bin
USER 65532:65532
# Without DATABASE_URL the database is metagate.db in the working directory.
WORKDIR /data
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["/usr/local/bin/metagate", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/metagate"]
CMD ["serve"]
