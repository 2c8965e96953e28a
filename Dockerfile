# syntax=docker/dockerfile:1
# The server in an image of its own: one binary with assets, templates and migrations inside, no root.
#
#   docker build -t identite .
#   docker run --env-file production.env -p 3000:3000 identite            (identite serve)
#   docker run --rm --env-file production.env identite migrate

FROM node:22-bookworm-slim AS assets
WORKDIR /build/assets
COPY assets/package.json assets/package-lock.json assets/.npmrc* ./
RUN npm ci --no-audit --no-fund
COPY templates /build/templates
COPY assets ./
RUN npm run build

FROM rust:1.95-slim-bookworm AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends build-essential libssl-dev pkg-config \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY . .
COPY --from=assets /build/assets/dist assets/dist
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/build/target \
    cargo build --release --locked --bin identite --example relying_party \
 && mkdir /out \
 && cp target/release/identite target/release/examples/relying_party /out/ \
 && strip --strip-debug /out/identite /out/relying_party

FROM debian:bookworm-slim AS base
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates libssl3 tzdata \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --user-group --no-create-home --home-dir /app identite \
 && install -d -o identite -g identite -m 750 /app /app/.dev
WORKDIR /app
USER identite

# The demo service, for development.
FROM base AS relying-party
COPY --from=build /out/relying_party /usr/local/bin/relying_party
EXPOSE 3001
ENTRYPOINT ["relying_party"]

FROM base AS server
COPY --from=build /out/identite /usr/local/bin/identite
ENV NODE_ENV=production
EXPOSE 3000
# Answered by the operator listener on the loopback interface; bash is there, a client program is not.
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 CMD ["/bin/bash", "-c", \
  "listen=${OPERATOR_LISTEN:-127.0.0.1:9464}; exec 3<>/dev/tcp/127.0.0.1/${listen##*:} && printf 'GET /healthz HTTP/1.0\\r\\n\\r\\n' >&3 && read -r _ status _ <&3 && [ \"$status\" = 200 ]"]
ENTRYPOINT ["identite"]
CMD ["serve"]
