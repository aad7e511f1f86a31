# The gate, its workers and its command line in one image: `docker build -t gatehouse .`
# The stage `demo` adds the demo's issuer and services for docker-compose.yml, and is nothing for production.

ARG NODE_IMAGE=node:24-trixie-slim

FROM ${NODE_IMAGE} AS packages
WORKDIR /opt/gatehouse
COPY package.json package-lock.json .npmrc ./
# Optional packages are other builds of Node, which the image has, and of codecs, which work without. No package needs
# its install script.
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund --loglevel=error
# Of the listener's builds, the one for this machine.
RUN find node_modules/uWebSockets.js -name 'uws_*.node' ! -name "uws_linux_$(node -p process.arch)_$(node -p process.versions.modules).node" -delete

FROM ${NODE_IMAGE} AS gatehouse
WORKDIR /opt/gatehouse
COPY --from=packages /opt/gatehouse/node_modules node_modules
COPY package.json LICENSE ./
COPY gateway gateway
COPY workers workers
RUN ln -s /opt/gatehouse/gateway/cli/gatehouse.mjs /usr/local/bin/gatehouse
# SIGUSR1 would open the inspector of a running node.
ENV NODE_ENV=production NODE_OPTIONS=--disable-sigusr1
# What Node compiles is kept for the user that runs it, so that a start and a health check take half the time; and that user
# cannot change it.
RUN mkdir -p .gatehouse/cache/code && chown 1000:1000 .gatehouse/cache/code
USER 1000:1000
RUN NODE_COMPILE_CACHE=/opt/gatehouse/.gatehouse/cache/code node --input-type=module --eval \
  "for (const file of ['gateway/cli/cli.ts', 'gateway/cli/serve.ts', 'gateway/cli/health.ts', 'workers/worker-process.ts']) await import('/opt/gatehouse/' + file)"
USER 0
RUN chown -R 0:0 .gatehouse && chmod -R a+rX .gatehouse
# `node` of the image, as a number: Kubernetes compares it (runAsNonRoot).
USER 1000:1000
WORKDIR /etc/gatehouse
# Needs nothing writable but /tmp, where large uploads wait that a service takes slowly.
EXPOSE 8080 9092
HEALTHCHECK --interval=10s --timeout=4s --start-period=20s --retries=3 CMD ["gatehouse", "health"]
# Node takes its signals as process 1 itself, and a node starts no processes: no init is needed.
ENTRYPOINT ["gatehouse"]
CMD ["serve", "--config", "/etc/gatehouse/gatehouse.yaml"]

FROM gatehouse AS demo
USER 0
RUN apt-get update && apt-get install -y --no-install-recommends openssl && rm -rf /var/lib/apt/lists/*
COPY deploy/demo /opt/gatehouse/deploy/demo
# The demo's authorization server, which the gate does not need: versions and hashes are in its own lock.
RUN cd /opt/gatehouse/deploy/demo/provider && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
USER 1000:1000

FROM gatehouse
