/**
 * Every background task of a node or a worker. The key is the task's name and a metric label; the value describes the
 * task. Each task runs under a `Supervisor`; a test finds tasks that do not.
 */
export const backgroundTasks = {
  'admin-replies': 'Answers calls of the admin API, probes and metrics.',
  'audit-aggregate': 'Writes aggregated audit records of refusals.',
  'audit-outbox': 'Delivers audit batches to Redis, or to the spill files while Redis is unavailable.',
  'audit-seal': 'Seals the queued audit records as a batch.',
  'audit-shipping-upkeep': 'Registers audit sinks and their shipping jobs in Redis (worker).',
  'audit-trim': 'Removes shipped batches from the audit log in Redis.',
  'certificate-watch':
    'Watches the certificate files of the listener, of client CAs and their revocation lists for changes.',
  'cluster-acknowledgements':
    'Reads from Redis which members have applied an event, because a message about it can be lost.',
  'cluster-member': 'Renews the lease of the node and follows the events of the cluster.',
  'cluster-member-count': 'Counts the members of the cluster.',
  'credential-renewal': 'Renews credentials that a service refused.',
  'exchange-sweep': 'Ends exchanges that stall or take too long.',
  'expiry-watch': 'Warns before certificates and secrets expire.',
  'http2-sweep': 'Enforces the limits of HTTP/2 connections.',
  'introspection-questions': 'Sends queued introspection requests to issuers when the rate limit allows it.',
  'introspection-refresh': 'Refreshes introspection results before they expire, and shares them with other nodes.',
  'issuer-credentials': 'Closes connections to issuers that were opened with a replaced client certificate.',
  'issuer-keys': 'Fetches the keys of issuers, and stops the use of keys that are too old.',
  'issuer-retire': 'Closes clients of issuers that the policy no longer names.',
  'job-producer': 'Adds jobs to queues.',
  'key-report': 'Reports the keys of the process to the cluster.',
  'limit-leases': 'Requests, renews and returns permits of leased limits.',
  'limit-permits': 'Requests permits of exact limits.',
  'limit-sweep': 'Removes idle limit windows from memory.',
  'login-redemptions': 'Removes redemption markers of logins that Redis wrote although its reply did not arrive.',
  'logout-tokens': 'Revokes tokens of ended sessions at their issuer.',
  'policy-rollout': 'Publishes the requests of the node during a rollout of a policy, and ends the rollout.',
  'policy-vote': 'Votes on policies that are to become the policy of the cluster.',
  'policy-watch': 'Watches the policy file, or the policy of the cluster, for changes.',
  'process-metrics': 'Measures the delay of the event loop.',
  'queue-workers': 'Closes workers of queues that the policy no longer names (worker).',
  'redis-connection': 'Restores connections to Redis and their subscriptions, and reports lost connections.',
  'redis-memory': 'Reads how much memory Redis uses.',
  reload: 'Reads settings, keys, secrets and certificates again after SIGHUP.',
  'revocation-sweep': 'Removes expired revocations from the memory of the node.',
  'secret-watch': 'Watches the files of secrets, keys and certificates for changes.',
  'service-manager': 'Tells systemd that the process has started, reloads, stops, and still runs.',
  'service-grants': 'Keeps the tokens of the gate for services valid (client credentials).',
  'session-count': 'Reads from Redis how many login sessions exist, and removes ended ones from the list.',
  'session-refresh': 'Refreshes the tokens of sessions before the tokens expire.',
  'session-upkeep': 'Records and lists uses of sessions, and ends sessions above the limit.',
  'sink-files': 'Compresses files of the file sink (worker).',
  'stream-summary': 'Writes a summary of the streams of the node to Redis.',
  'stream-watch':
    'Ends streams that are no longer authorized, and pauses streams while their authorization cannot be checked.',
  'telemetry-export': 'Sends traces, metrics and logs over OTLP.',
  'traces-recent': 'Writes recently recorded traces to Redis.',
  'upstream-certificates': 'Reads certificate files of services again when they change.',
  'upstream-sweep': 'Enforces the time limits of connections to services.',
} as const

export type BackgroundTask = keyof typeof backgroundTasks
