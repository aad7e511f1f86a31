# The gate, its workers and its command line in one image: `docker build -t gatehouse .`
# The stage `demo` adds the demo's issuer and services for docker-compose.yml. Not for production.

ARG NODE_IMAGE=node:24-trixie-slim

FROM ${NODE_IMAGE} AS packages
WORKDIR /opt/gatehouse
COPY package.json package-lock.json .npmrc ./
# Optional packages are builds of Node, which the image already contains, and of codecs, which have a fallback. No
# package needs its install script.
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund --loglevel=error
# Keeps only the build of uWebSockets.js for this platform.
RUN find node_modules/uWebSockets.js -name 'uws_*.node' ! -name "uws_linux_$(node -p process.arch)_$(node -p process.versions.modules).node" -delete

# The console needs the development packages only while it is built.
FROM ${NODE_IMAGE} AS console
WORKDIR /opt/gatehouse
COPY package.json package-lock.json .npmrc tsconfig.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
COPY gateway/base gateway/base
COPY gateway/console gateway/console
RUN node gateway/console/build.mjs

FROM ${NODE_IMAGE} AS gatehouse
WORKDIR /opt/gatehouse
COPY --from=packages /opt/gatehouse/node_modules node_modules
COPY package.json LICENSE ./
COPY bin bin
COPY gateway gateway
COPY --from=console /opt/gatehouse/gateway/console/dist gateway/console/dist
COPY workers workers
RUN ln -s /opt/gatehouse/bin/gatehouse /usr/local/bin/gatehouse
# Without --disable-sigusr1, SIGUSR1 would open the inspector of a running node.
ENV NODE_ENV=production NODE_OPTIONS=--disable-sigusr1
# Stores compiled code for the user of the image, which halves the time of a start and of a health check. This user
# cannot change the stored code.
RUN mkdir -p .gatehouse/cache/code && chown 1000:1000 .gatehouse/cache/code
USER 1000:1000
RUN NODE_COMPILE_CACHE=/opt/gatehouse/.gatehouse/cache/code node --input-type=module --eval \
  "for (const file of ['gateway/cli/cli.ts', 'gateway/cli/serve.ts', 'gateway/cli/health.ts', 'workers/worker-process.ts']) await import('/opt/gatehouse/' + file)"
USER 0
RUN chown -R 0:0 .gatehouse && chmod -R a+rX .gatehouse
# A new volume at this folder gets the owner of the folder.
RUN mkdir -m 0700 -p /var/lib/gatehouse && chown 1000:1000 /var/lib/gatehouse
# The user `node` of the base image. Kubernetes needs a number for runAsNonRoot.
USER 1000:1000
WORKDIR /etc/gatehouse
# Only /tmp must be writable: large uploads are buffered there while a service reads slowly. With `policy.source: cluster`,
# a volume at /var/lib/gatehouse keeps `policy.copy`.
EXPOSE 8080 9092
HEALTHCHECK --interval=10s --timeout=4s --start-period=20s --retries=3 CMD ["gatehouse", "health"]
# No init process is needed: Node handles signals as process 1, and a gateway node starts no processes.
ENTRYPOINT ["gatehouse"]
CMD ["serve", "--config", "/etc/gatehouse/gatehouse.yaml"]

FROM gatehouse AS demo
USER 0
RUN apt-get update && apt-get install -y --no-install-recommends openssl && rm -rf /var/lib/apt/lists/*
COPY deploy/demo /opt/gatehouse/deploy/demo
# The demo's authorization server, with the versions and hashes of its own lock file. The gate does not need it.
RUN cd /opt/gatehouse/deploy/demo/provider && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
USER 1000:1000

FROM gatehouse
