/**
 * Every background task of a node or a worker. The key is the task's name and a metric label; the value describes the
 * task. No request waits for a background task. Each task runs under a `Supervisor`; a test finds tasks that do not.
 */
export const backgroundTasks = {
  'admin-replies': 'Answers calls of the admin API, probes and metrics.',
  'audit-aggregate': 'Writes aggregated audit records of refusals.',
  'audit-outbox': 'Delivers audit batches to Redis, or to the spill.',
  'audit-seal': 'Seals waiting audit records as a batch.',
  'audit-shipping-upkeep': 'Registers the sinks and their jobs in Redis (worker).',
  'audit-trim': 'Removes shipped batches from the audit log in Redis.',
  'cluster-acknowledgements': 'Reads which members have applied an event, where a message about it may be lost.',
  'cluster-member': 'Renews the lease of the node and follows the events of the cluster.',
  'cluster-member-count': 'Counts the members of the cluster.',
  'exchange-sweep': 'Ends exchanges that stall or take too long.',
  'introspection-credentials': 'Closes connections that were opened with replaced introspection credentials.',
  'introspection-questions': 'Sends queued questions to issuers when the rate allows it.',
  'introspection-refresh': 'Refreshes introspection answers ahead of their expiry, and shares them.',
  'issuer-keys': 'Fetches the keys of issuers, and retires keys that are too old.',
  'issuer-retire': 'Closes clients of issuers that the policy no longer names.',
  'job-producer': 'Adds jobs to queues.',
  'limit-leases': 'Requests, renews and returns permits of leased limits.',
  'limit-permits': 'Requests permits of exact limits.',
  'limit-sweep': 'Forgets idle limit windows.',
  'login-redemptions': 'Removes markers of login attempts that Redis wrote without an answer.',
  'logout-tokens': 'Revokes tokens of ended sessions at their issuer.',
  'policy-watch': 'Watches the policy file for changes.',
  'process-metrics': 'Measures the delay of the event loop.',
  'queue-workers': 'Closes workers of queues that the policy no longer names (worker).',
  'redis-connection': 'Restores connections to Redis and their subscriptions, and reports lost ones.',
  'revocation-sweep': 'Removes expired revocations from the memory of the node.',
  'session-refresh': 'Refreshes the tokens of sessions ahead of their expiry.',
  'session-upkeep': 'Records uses of sessions, and ends sessions above the limit.',
  'sink-files': 'Compresses files of the file sink (worker).',
  'stream-watch': 'Ends or holds streams whose token, session or revocations no longer allow them.',
  'telemetry-export': 'Sends traces, metrics and logs over OTLP.',
  'traces-recent': 'Writes recent traces to Redis.',
  'upstream-sweep': 'Enforces deadlines of connections to services.',
} as const

export type BackgroundTask = keyof typeof backgroundTasks
