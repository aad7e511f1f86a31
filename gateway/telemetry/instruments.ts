/** A metric: its kind, name, help text and labels. */
export interface Instrument<Label extends string = string> {
  readonly kind: 'counter' | 'gauge' | 'histogram'
  readonly name: string
  readonly help: string
  /** Label names. Label values come from closed sets (the policy or this code), never from a request. */
  readonly labels: readonly Label[]
  /** Upper bounds of the buckets of a histogram, in the unit of its name. Empty for other kinds. */
  readonly bounds: readonly number[]
}

const of =
  (kind: Instrument['kind']) =>
  <Label extends string = never>(name: string, help: string, labels: readonly Label[] = []): Instrument<Label> => ({
    kind,
    name: `gatehouse_${name}`,
    help,
    labels,
    bounds: [],
  })

const counter = of('counter')
const gauge = of('gauge')
const histogram = <Label extends string = never>(
  name: string,
  help: string,
  bounds: readonly number[],
  labels: readonly Label[] = [],
): Instrument<Label> => ({ ...of('histogram')(name, help, labels), bounds })

/**
 * All metrics of the process, as shown by `/metrics` and explained in docs/reference/metrics.md. Values are in base
 * units. The name of a counter ends in `_total`, and the counter starts at 0 with the process.
 */
export const instruments = {
  requests: counter(
    'requests_total',
    'Completed exchanges, by route, decision and reason. `route` is empty when no route matched. A series appears with its first exchange; the series of failed logins (`route` empty; `login-misconfigured`, `issuer-unreachable`, `store-unavailable`) exist from the start.',
    ['route', 'decision', 'reason'],
  ),
  responses: counter(
    'responses_total',
    'Completed exchanges, by class of the logged response status, for example 2xx. A client that disconnected before the response began counts as 4xx (499).',
    ['route', 'class'],
  ),
  http2Requests: counter('http2_requests_total', 'Completed exchanges over HTTP/2, by route.', ['route']),
  grpcCalls: counter(
    'grpc_calls_total',
    'Completed gRPC calls, by route and by the status that the client got: 0 to 16, or none for a call that was reset or cancelled.',
    ['route', 'code'],
  ),
  gateTime: histogram(
    'gate_seconds',
    "Seconds that the gate spent on an exchange: from the request head until the request was forwarded, or until the gate's own reply.",
    [0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5],
    ['route'],
  ),
  upstreamTime: histogram(
    'upstream_seconds',
    'Seconds from forwarding a request to a service until the head of its response.',
    [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    ['route'],
  ),
  expiresAt: gauge(
    'expires_at_seconds',
    'Time at which something expires, s since the Unix epoch: a certificate, a secret with a stated date, the keys of an unreachable issuer. `kind` and `name` identify what expires; `gatehouse expiry` lists the same times.',
    ['kind', 'name'],
  ),
  upstreamRetries: counter(
    'upstream_retries_total',
    'Failed attempts to forward a request that `retry` of the policy allows to repeat. `cause`: connect, full (no room for the call), reset, timeout, 500, 502, 503, 504 or credential (rejected by the service). `outcome`: retried, attempts-exhausted, budget-exhausted, not-in-time (the wait would be too long), or body-not-kept (the request has a body that the gate does not keep).',
    ['service', 'cause', 'outcome'],
  ),
  keptBodies: gauge(
    'kept_bodies_bytes',
    'Bytes of request bodies that the node keeps to send requests again. At 16 MiB, further requests are not sent again.',
  ),
  received: counter('received_bytes_total', 'Bytes of request bodies received from clients.', ['route']),
  sent: counter(
    'sent_bytes_total',
    'Bytes of response bodies and WebSocket messages sent to clients, added when the exchange ends.',
    ['route'],
  ),
  inFlight: gauge('in_flight', 'Exchanges in progress on the node.'),
  streams: gauge(
    'streams',
    'Open streams by kind: websocket, events (server-sent events), download (any other reply that is not complete) and upload. A stream is counted as soon as it is recognized as one: a download or upload at most 250 ms after it began.',
    ['kind'],
  ),
  connections: gauge('connections', 'Open client connections.'),
  connectionsOpened: counter('connections_opened_total', 'Client connections accepted since the process started.'),
  http2Sessions: gauge('http2_sessions', 'Open client connections with HTTP/2. Only with `listen_h2`.'),
  http2Streams: gauge('http2_streams', 'Requests in progress over HTTP/2. Only with `listen_h2`.'),
  http2SessionsEnded: counter(
    'http2_sessions_ended_total',
    'HTTP/2 connections that the gate ended or refused, by cause: preface, idle, age, drain, certificate, ping-timeout, ping-flood, settings-flood, frame-flood, cancel-flood, protocol-error, address-full, node-full.',
    ['cause'],
  ),
  http2StreamsRefused: counter(
    'http2_streams_refused_total',
    'HTTP/2 requests that ended before the gate processed them, and that appear in no log, by cause: cancelled (by the client, before the gate read them), address-full (one client address has too many requests in progress), node-full (the node has).',
    ['cause'],
  ),
  upstreamResting: gauge(
    'upstream_resting',
    'Number of addresses of an upstream that the node avoids because a connection to them failed: 0 or 1 for an upstream with one address. They still get requests when no other address of the service is available.',
    ['service', 'upstream'],
  ),
  upstreamState: gauge(
    'upstream_state',
    'Number of addresses of an upstream in a state on this node: up, slow-start, resting, ejected, failing, drained or unresolved (its name has no address). Without a series for a state, the number is 0. An address gets calls in the states up and slow-start, and in other states only when no address of the service is in these two.',
    ['service', 'upstream', 'state'],
  ),
  upstreamEjections: counter(
    'upstream_ejections_total',
    'Ejections of an upstream of a service by this node, by cause: failures (consecutive calls without a reply), errors (consecutive calls without a reply or with a 5xx status), error_rate (higher than that of the other upstreams), slower (than the other upstreams).',
    ['service', 'upstream', 'cause'],
  ),
  upstreamChecks: counter(
    'upstream_checks_total',
    'Health checks of an upstream of a service by this node, by result: passed, status (the reply has another status than expected), timeout, connection (no connection, or the connection was lost).',
    ['service', 'upstream', 'result'],
  ),
  upstreamLimit: gauge(
    'upstream_call_limit',
    'Maximum number of concurrent calls of this node to an upstream, the sum for its addresses: `max_calls`, or with `concurrency: adaptive` the current limit of the calls that wait for their reply.',
    ['service', 'upstream'],
  ),
  upstreamLookups: counter(
    'upstream_lookups_total',
    'DNS lookups of the name of an upstream by this node, by result: resolved, missing (no such name, or no address), refused (a link-local or cloud metadata address), failed (no reply of a name server).',
    ['name', 'result'],
  ),
  upstreamLookupAge: gauge(
    'upstream_lookup_age_seconds',
    'Time since the latest successful DNS lookup of the name of an upstream by this node, s.',
    ['name'],
  ),
  upstreamCalls: gauge(
    'upstream_calls',
    'Calls of this node to an upstream that are in flight, WebSockets included. Services with the same upstream share the number.',
    ['service', 'upstream'],
  ),
  upstreamConnections: gauge(
    'upstream_connections',
    'Open connections of this node to an upstream, by protocol: http1, h2 or h2c. With h2 and h2c, one connection carries up to 100 calls.',
    ['service', 'upstream', 'protocol'],
  ),
  ready: gauge('ready', '1 while the node is ready for traffic (/readyz replies 200), else 0.'),
  policy: gauge('policy_info', 'Always 1. The label `revision` is the revision of the active policy.', ['revision']),
  policyLoaded: gauge(
    'policy_loaded_timestamp_seconds',
    'Unix time at which the active policy was loaded, in seconds.',
  ),
  policyNumber: gauge(
    'policy_revision_number',
    'Number of the active revision of the cluster policy. Only with policy.source: cluster.',
  ),
  policyActivation: gauge(
    'policy_activation_sequence',
    'Number of the activation of the active revision. It rises with every change of the cluster policy, also with a rollback.',
  ),
  policyBehind: gauge(
    'policy_behind',
    '1 while this process could not apply a newer revision of the cluster policy, and enforces an older one; else 0.',
  ),
  policyRefused: counter(
    'policy_activations_refused_total',
    'Activations of a policy in Redis that this process did not accept. `cause`: `forged`, the MAC is wrong; `unknown-key`, this process lacks the key; `older`, the process already enforces a newer activation; `unknown-form`, a newer version of Gatehouse wrote the activation.',
    ['cause'],
  ),
  policyRollout: gauge(
    'policy_rollout_running',
    '1 while some nodes try a revision of the cluster policy as a canary; else 0. Only with policy.source: cluster.',
  ),
  policyRollouts: counter(
    'policy_rollouts_total',
    'Rollouts of a revision of the cluster policy that this node ended. `outcome`: `promoted`, `withdrawn`, `undecided` (withdrawn, because there were too few requests or the canary nodes stopped or restarted) or `aborted`.',
    ['outcome'],
  ),
  policyRejected: counter(
    'policy_rejected_total',
    'Policy changes that the node rejected: invalid policies, and policies that need a missing key or an unreadable secret. The previous policy stays active.',
  ),
  issuerKeys: gauge('issuer_keys', 'Usable keys in the key set of an issuer.', ['issuer']),
  issuerKeysAge: gauge(
    'issuer_keys_age_seconds',
    'Seconds since the last successful fetch of the key set of an issuer. Absent before the first successful fetch.',
    ['issuer'],
  ),
  issuerKeysFailing: gauge('issuer_keys_failing', '1 when the last fetch of the key set of an issuer failed, else 0.', [
    'issuer',
  ]),
  clusterContact: gauge(
    'cluster_in_contact',
    '1 while the node reads the events of the cluster from Redis, else 0. Also 0 while another node uses the same node id.',
  ),
  tokenRequests: counter(
    'token_requests_total',
    'Requests for tokens of callers at the token endpoint of an issuer. `purpose`: `exchange`, the token of a caller for a service; `client`, a client id and secret (accept: [basic]). `outcome`: `granted`; `refused`, the caller is rejected; `misconfigured`, the policy or the client of the gate is wrong; `unavailable`, the issuer did not answer.',
    ['purpose', 'issuer', 'outcome'],
  ),
  limitRequests: counter(
    'limit_requests_total',
    'Requests that a rate limit decided on, by outcome: `admitted`; `refused`; `shadow-refused`, a limit in shadow mode would have rejected the request.',
    ['limit', 'outcome'],
  ),
  limitOutage: counter(
    'limit_outage_requests_total',
    'Requests that the node admitted or rejected without Redis, because Redis was unavailable. Routes with `on_outage.limits: closed` are not counted.',
    ['limit'],
  ),
  limitPermits: counter(
    'limit_permits_total',
    'Permits that the node leased from a rate limit in advance (`leased`), and unused permits that it returned (`returned`).',
    ['limit', 'outcome'],
  ),
  clusterCaughtUp: gauge(
    'cluster_caught_up',
    '1 once the node has loaded the state of the cluster after its start, else 0. Stays 1 when the node loses contact and joins again.',
  ),
  clusterAge: gauge(
    'cluster_age_seconds',
    'Seconds since the list of revocations on this node was last confirmed as current. Absent before the first confirmation.',
  ),
  clusterBound: gauge(
    'cluster_bound_seconds',
    'Maximum age of the list of revocations, in seconds. When the list is older, the node rejects requests that need it.',
  ),
  clusterEvents: counter(
    'cluster_events_total',
    'Cluster events that the node received, by outcome: `applied`; `unknown`, this version does not support the event.',
    ['outcome'],
  ),
  clusterJoins: counter(
    'cluster_joins_total',
    'Full loads of the cluster state by this node: at its start, after a gap in the events, and after Redis lost its data.',
  ),
  redisMemory: gauge(
    'redis_memory_bytes',
    'Bytes of memory that Redis uses (used_memory), read every 10 s. In Redis Cluster: of the master that uses the largest share of its limit. Absent while Redis does not answer.',
  ),
  redisMemoryMax: gauge(
    'redis_memory_max_bytes',
    'Memory limit of Redis (maxmemory), in bytes. 0: no limit. In Redis Cluster: of the master of gatehouse_redis_memory_bytes.',
  ),
  revocations: gauge('revocations', 'Revocations in the memory of the node.'),
  revocationBytes: gauge('revocation_memory_bytes', 'Bytes of memory that the revocations on this node use.'),
  shippedRecords: counter('audit_shipped_records_total', 'Audit records that this worker delivered to a sink.', [
    'sink',
  ]),
  shippingFailures: counter(
    'audit_shipping_failures_total',
    'Times that this worker stopped sending audit records to a sink because the sink failed. The worker tries again after a pause.',
    ['sink'],
  ),
  shippedDead: counter(
    'audit_refused_records_total',
    'Audit records that this worker stored as dead letters of a sink, because the sink rejected them or they are not valid records.',
    ['sink'],
  ),
  shippingLag: gauge(
    'audit_shipping_lag_seconds',
    'Age of the oldest audit record that has not been delivered to a sink, in seconds. 0 when all are delivered. Reported by workers.',
    ['sink'],
  ),
  deadLetters: gauge(
    'audit_dead_letters',
    'Dead letters of a sink: audit records that the sink rejected, and invalid records or entries of the audit log. Reported by workers.',
    ['sink'],
  ),
  queueJobs: gauge('queue_jobs', 'Jobs in a queue, by state: waiting, active, delayed, failed. Reported by workers.', [
    'queue',
    'state',
  ]),
  tokensCached: gauge('token_cache_entries', 'Tokens in the token cache, including tokens that have expired.'),
  tokensCachable: gauge('token_cache_capacity_entries', 'Maximum number of tokens in the token cache.'),
  verifications: counter(
    'token_verifications_total',
    'Token signatures that were verified because the token was not in the cache.',
  ),
  taskFailures: counter(
    'background_task_failures_total',
    'Failures of a background task. The task is restarted, or runs again at its next scheduled time. The log has the cause.',
    ['task'],
  ),
  auditRecords: counter(
    'audit_records_total',
    'Audit records that the node accepted, including records that are not in Redis yet.',
  ),
  auditAggregated: counter(
    'audit_aggregated_refusals_total',
    'Rejected requests without a route that were counted in an aggregated audit record instead of a record of their own.',
  ),
  auditLost: counter(
    'audit_lost_records_total',
    'Audit records that were lost because Redis did not accept them in time and the memory or spill for them was full.',
  ),
  auditUnsentAge: gauge(
    'audit_unsent_age_seconds',
    'Age of the oldest audit record that is not in Redis yet, in seconds.',
  ),
  auditMemory: gauge(
    'audit_memory_bytes',
    'Bytes of audit records in memory that are in finished (hashed and chained) batches and not in Redis yet.',
  ),
  auditSpill: gauge('audit_spill_bytes', 'Size of the spill files of the audit log, in bytes.'),
  auditSpillMax: gauge(
    'audit_spill_max_bytes',
    'Maximum size of the spill files of the audit log, in bytes (audit.spill.max). Only with audit.spill.',
  ),
  auditSpilled: counter('audit_spilled_bytes_total', 'Bytes of audit records written to spill files.'),
  auditLog: gauge(
    'audit_log_bytes',
    'Bytes of Redis memory that the audit log uses. In Redis Cluster: the shard that this node writes to.',
  ),
  auditBatches: gauge(
    'audit_log_batches',
    'Batches in the audit log in Redis. In Redis Cluster: in the shard that this node writes to.',
  ),
  sessions: gauge(
    'sessions',
    'Login sessions of the cluster by login issuer, read from Redis every 10 s. Every node reports the same number: use max, not sum. Counts sessions that were created or used since the upgrade to a version with this metric, until their idle time-out. Absent while Redis does not answer.',
    ['issuer'],
  ),
  logins: counter(
    'logins_total',
    'Steps of logins at an issuer on this node, by issuer and outcome: `begun`, the browser was redirected to the issuer; `done`, a session was created; `refused`, the user or the reply of the issuer was rejected; `misconfigured`, the issuer rejects the client of the gate; `unavailable`, the issuer or Redis did not answer. Anyone can begin a login: compare `done` with `misconfigured` and `unavailable`.',
    ['issuer', 'outcome'],
  ),
  sessionsHeld: gauge('sessions_held', 'Login sessions in the memory of the node.'),
  serviceGrants: counter(
    'service_grants_total',
    'Requests for a token of the gate for services (client credentials) by this process, by issuer and outcome: ' +
      '`granted`; `repeated`, a second token was granted because the lock of another process expired or Redis was ' +
      'unavailable; `unavailable`, the issuer did not answer; `refused`, the issuer refused the client. The sum of ' +
      '`granted` over all nodes and workers is the number of tokens that the cluster used.',
    ['issuer', 'outcome'],
  ),
  serviceTokenSeconds: gauge(
    'service_token_seconds',
    "Seconds until the gate's own token for services expires on this node, by issuer and client id. With several tokens: " +
      'the one that expires first. 0 when at least one of them is missing or has expired. A value below a third of the lifetime means that renewals fail.',
    ['issuer', 'client'],
  ),
  sessionRefreshes: counter(
    'session_refreshes_total',
    'Refreshes of the access token of a login session, by outcome: `granted`, the issuer issued a new token; `taken`, another ' +
      'process had already refreshed the session; `refused`, the session ended because the issuer rejected the refresh ' +
      'or issued tokens that the gate cannot use; `failed`, the issuer, Redis or another process that refreshed the ' +
      'session failed.',
    ['outcome'],
  ),
  adminUnrecorded: counter(
    'admin_calls_unrecorded_total',
    'Unauthenticated admin API calls that were neither logged nor audited one by one, because their rate was too high.',
  ),
  logLost: counter(
    'log_lines_lost_total',
    'Log lines that were dropped because they could not be written: the reader of the log was too slow, or the disk was full.',
  ),
  telemetryItems: counter(
    'telemetry_items_total',
    'Telemetry items, by signal and outcome: `sent`, `failed`, or `dropped` because a queue was full or the item was too large. ' +
      'One item is: a span (`spans`), a log record (`logs`), a trace kept for `gatehouse traces` (`recent`), ' +
      'an exchange that was not traced because of `max_per_second` (`traces`, only `dropped`). `metrics`: a metric for `sent`, an export for `failed`.',
    ['signal', 'outcome'],
  ),
  build: gauge('build_info', 'Always 1. The labels are the versions of Gatehouse and of Node.js.', ['version', 'node']),
  started: gauge('start_timestamp_seconds', 'Unix time at which the process started, in seconds.'),
  cpu: counter('cpu_seconds_total', 'CPU time that the process used, in seconds, by mode: `user` or `system`.', [
    'mode',
  ]),
  resident: gauge('memory_resident_bytes', 'Resident memory of the process, in bytes.'),
  heapUsed: gauge('memory_heap_bytes', 'Used part of the JavaScript heap, in bytes.'),
  external: gauge('memory_external_bytes', 'Memory outside the JavaScript heap that JavaScript objects use, in bytes.'),
  overloadLevel: gauge(
    'overload_level',
    'Number of classes of requests, of 9, of which the node sheds at least a part because of the event loop or the memory; 0 without overload. The classes are those of `gatehouse_overload_shed_total`: strangers, then known addresses, then users, each with priority batch, default and critical.',
  ),
  overloadShed: counter(
    'overload_shed_total',
    'Requests that the overloaded node shed with 503, or would have shed with `overload.mode: observe`. `caller`: stranger, address (the client address sent a valid credential in the last 10 minutes) or user (the credential is known). `priority`: that of the route. `cause`: delay (of the event loop), memory, or in_flight (exchanges in flight).',
    ['caller', 'priority', 'cause'],
  ),
  overloadDelay: gauge(
    'overload_delay_seconds',
    'Median delay of the event loop in the last 100 ms. Above `overload.delay` the node sheds requests, if `gatehouse_overload_busy_ratio` is at least 0.8.',
  ),
  overloadBusy: gauge(
    'overload_busy_ratio',
    'Part of the last 100 ms in which the event loop did not wait for events, 0 to 1. Below 0.8, a long delay means that other programs use the CPU, and the node sheds nothing because of it.',
  ),
  overloadMemory: gauge(
    'overload_memory_ratio',
    'Used part of the memory, 0 to 1: process memory, or JavaScript heap after its last full garbage collection, each of its limit. Above `overload.memory` the node sheds requests.',
  ),
  overloadInFlight: gauge(
    'overload_in_flight',
    'Admitted exchanges in progress, without event streams and WebSockets. `overload.in_flight` limits them.',
  ),
  overloadDelayed: gauge(
    'overload_delayed_refusals',
    'Refusals of the overloaded node that are sent after `overload.refusal_delay`. Their clients wait.',
  ),
  loopLag: histogram(
    'event_loop_lag_seconds',
    'Seconds by which a timer that is due every 100 ms is late. A high value: JavaScript work blocks the node, and every exchange may wait this long.',
    [0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
  ),
} as const
