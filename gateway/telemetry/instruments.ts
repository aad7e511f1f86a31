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
 * All metrics of the process, as shown by `/metrics` and explained in docs/reference/metrics.md. Values are in base units. The
 * name of a counter ends in `_total`, and the counter starts at 0 with the process.
 */
export const instruments = {
  requests: counter(
    'requests_total',
    'Exchanges that came to their end, by how. `route` is empty where none matched; a series begins with its first exchange.',
    ['route', 'decision', 'reason'],
  ),
  responses: counter(
    'responses_total',
    'Exchanges by the first digit of the status that the log has: 2xx. A client that went away is 4xx (499).',
    ['route', 'class'],
  ),
  gateTime: histogram(
    'gate_seconds',
    "The gate's own time: from the request's head to its way to the service, or to the reply where it went no further.",
    [0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5],
    ['route'],
  ),
  upstreamTime: histogram(
    'upstream_seconds',
    "The service's time: from the request's way to it to the head of its reply.",
    [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    ['route'],
  ),
  upstreamRetries: counter('upstream_retries_total', 'Tries of another upstream after one failed.', ['route']),
  received: counter('received_bytes_total', 'Bytes of request bodies that came.', ['route']),
  sent: counter('sent_bytes_total', 'Bytes of reply bodies that went out.', ['route']),
  inFlight: gauge('in_flight', 'Exchanges that have begun and not ended.'),
  connections: gauge('connections', 'Connections of clients that are open.'),
  connectionsOpened: counter('connections_opened_total', 'Connections of clients that were opened.'),
  upstreamResting: gauge('upstream_resting', '1 while an upstream rests after a failed connection, else 0.', [
    'service',
    'upstream',
  ]),
  ready: gauge('ready', '1 while the node takes traffic, else 0: what /readyz says.'),
  policy: gauge('policy_info', '1, with the revision of the policy in force.', ['revision']),
  policyLoaded: gauge('policy_loaded_timestamp_seconds', 'When the policy in force was taken over, Unix time.'),
  policyRejected: counter('policy_rejected_total', 'Changed policies that did not hold and were not taken over.'),
  issuerKeys: gauge('issuer_keys', 'Keys of an issuer that can be used.', ['issuer']),
  issuerKeysAge: gauge('issuer_keys_age_seconds', 'Since the keys of an issuer were last read; absent before.', [
    'issuer',
  ]),
  issuerKeysFailing: gauge('issuer_keys_failing', '1 while the last read of the keys of an issuer failed, else 0.', [
    'issuer',
  ]),
  clusterContact: gauge('cluster_in_contact', '1 while the node hears from Redis, else 0.'),
  limitRequests: counter(
    'limit_requests_total',
    'Requests at a rate limit, by what it made of them; `shadow-refused`: by one that is only tried out.',
    ['limit', 'outcome'],
  ),
  limitOutage: counter('limit_outage_requests_total', 'Requests that it decided without Redis.', ['limit']),
  limitPermits: counter('limit_permits_total', 'Permits taken beforehand, and those of them given back.', [
    'limit',
    'outcome',
  ]),
  clusterCaughtUp: gauge('cluster_caught_up', '1 once the node has taken in what the others knew when it joined.'),
  clusterAge: gauge(
    'cluster_age_seconds',
    'Since what the node knows of revocations was proven to be up to date; absent before.',
  ),
  clusterBound: gauge('cluster_bound_seconds', 'Beyond that age it admits nothing that it cannot vouch for.'),
  clusterEvents: counter(
    'cluster_events_total',
    'Events of the cluster that came, by whether this version knows them.',
    ['outcome'],
  ),
  clusterJoins: counter('cluster_joins_total', 'How often the node took in everything, at first or after a gap.'),
  revocations: gauge('revocations', 'Revocations that the node knows.'),
  revocationBytes: gauge('revocation_memory_bytes', 'Memory that they take.'),
  shippedRecords: counter('audit_shipped_records_total', 'Audit records that a sink has taken from this worker.', [
    'sink',
  ]),
  shippingFailures: counter('audit_shipping_failures_total', 'Runs of this worker that a sink ended.', ['sink']),
  shippedDead: counter('audit_refused_records_total', 'Audit records of this worker that became dead letters.', [
    'sink',
  ]),
  shippingLag: gauge(
    'audit_shipping_lag_seconds',
    'Since the oldest audit record that a sink has not taken came into the log; 0 when it has all. Of workers.',
    ['sink'],
  ),
  deadLetters: gauge(
    'audit_dead_letters',
    'Audit records, and entries of the log, that a sink did not take. Of workers.',
    ['sink'],
  ),
  queueJobs: gauge('queue_jobs', 'Jobs of a queue by their state: waiting, active, delayed, failed. Of workers.', [
    'queue',
    'state',
  ]),
  tokensCached: gauge('token_cache_entries', 'Tokens whose facts are kept, those that ran out since included.'),
  tokensCachable: gauge('token_cache_capacity_entries', 'Tokens whose facts may be kept.'),
  verifications: counter('token_verifications_total', 'Tokens whose signature was checked, since they were not known.'),
  taskFailures: counter(
    'background_task_failures_total',
    'Failures of a background task. It is restarted, or runs again at its next occasion; the log has the cause.',
    ['task'],
  ),
  auditRecords: counter('audit_records_total', 'Records that the audit log took, those that wait included.'),
  auditAggregated: counter(
    'audit_aggregated_refusals_total',
    'Refused requests without a route that share an aggregated audit record with others.',
  ),
  auditLost: counter('audit_lost_records_total', 'Records that found no room, in Redis, on disk or in memory.'),
  auditUnsentAge: gauge('audit_unsent_age_seconds', 'Since the oldest record that Redis has not taken began to wait.'),
  auditMemory: gauge('audit_memory_bytes', 'Sealed records that wait in memory.'),
  auditSpill: gauge('audit_spill_bytes', 'Bytes of the spill files.'),
  auditSpilled: counter('audit_spilled_bytes_total', 'Bytes that were written to spill files.'),
  auditLog: gauge('audit_log_bytes', 'Memory of the log in Redis, or of the part that the node writes to.'),
  auditBatches: gauge('audit_log_batches', 'Batches in it.'),
  sessionsHeld: gauge('sessions_held', 'Login sessions that the node has in its memory.'),
  sessionRefreshes: counter(
    'session_refreshes_total',
    'Access tokens of sessions that ran out or were about to, by how: the issuer gave another; somebody else had got it; ' +
      'the issuer refused, and the session was ended; neither, for now.',
    ['outcome'],
  ),
  adminUnrecorded: counter(
    'admin_calls_unrecorded_total',
    'Admin calls without a valid token that had no log line and no audit record of their own, since there were too many.',
  ),
  logLost: counter('log_lines_lost_total', 'Log lines that found no room, since nobody read the log.'),
  telemetryItems: counter(
    'telemetry_items_total',
    'What was to be sent elsewhere, by what became of it: spans, metrics, lines of the log; `recent` are exchanges for `gatehouse traces`, `traces` those beyond `max_per_second`.',
    ['signal', 'outcome'],
  ),
  build: gauge('build_info', '1, with the version of Gatehouse and of Node.', ['version', 'node']),
  started: gauge('start_timestamp_seconds', 'When the process started, Unix time.'),
  cpu: counter('cpu_seconds_total', 'CPU time that the process used.', ['mode']),
  resident: gauge('memory_resident_bytes', 'Memory of the process that is in RAM.'),
  heapUsed: gauge('memory_heap_bytes', 'JavaScript heap in use.'),
  external: gauge('memory_external_bytes', 'Memory outside of the JavaScript heap that its objects hold.'),
  loopLag: histogram(
    'event_loop_lag_seconds',
    'How late a timer ran that is due ten times a second: what every exchange may wait beside its own work.',
    [0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
  ),
} as const
