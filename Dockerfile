# PostgreSQL's official image, with the extension built from this folder.
#
#   docker build --tag postgres-pylon .
#   docker build --build-arg POSTGRES=16 --tag postgres-pylon .

ARG POSTGRES=17

FROM postgres:${POSTGRES} AS build
RUN apt-get update && apt-get install -y --no-install-recommends \
	gcc libc6-dev libcurl4-openssl-dev libjson-c-dev make pkgconf postgresql-server-dev-$PG_MAJOR
COPY . /src
RUN make -C /src PG_CONFIG=/usr/lib/postgresql/$PG_MAJOR/bin/pg_config with_llvm=no
RUN make -C /src PG_CONFIG=/usr/lib/postgresql/$PG_MAJOR/bin/pg_config with_llvm=no DESTDIR=/installed install

FROM postgres:${POSTGRES}
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates libcurl4 libjson-c5 && \
	rm -rf /var/lib/apt/lists/*
COPY --from=build /installed/ /
