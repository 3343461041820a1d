# syntax=docker/dockerfile:1
# `docker build .` makes Isobar; `--target pgbouncer` the pooler of docker-compose.yml.

FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --release --locked && cp target/release/isobar /isobar

FROM debian:bookworm-slim AS pgbouncer
RUN apt-get update && apt-get install -y --no-install-recommends pgbouncer && rm -rf /var/lib/apt/lists/*
COPY deploy/pgbouncer /etc/pgbouncer
USER postgres
EXPOSE 6432
CMD ["/etc/pgbouncer/start"]

# The last stage is what `docker build` makes when nobody says which.
FROM debian:bookworm-slim AS isobar
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin isobar \
 && install --directory --owner=isobar --mode=0700 /var/lib/isobar
COPY --from=build /isobar /usr/local/bin/isobar
# Incidents and deliveries, for `[alerts] path`: keep it on a volume.
VOLUME /var/lib/isobar
USER isobar
EXPOSE 3000
# Liveness asks nothing of the outside, so an unhealthy database never restarts the one who watches it. Without TLS only.
HEALTHCHECK --interval=5s --timeout=2s --start-period=5s \
  CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/3000 && printf 'GET /livez HTTP/1.0\\r\\n\\r\\n' >&3 && read -r status <&3 && [[ $status == *' 200 '* ]]"]
ENTRYPOINT ["isobar"]
CMD ["run", "--config", "/etc/isobar"]
