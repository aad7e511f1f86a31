/** Series of one case: the name with labels, and values in the notation of promtool, one every 15 s (slow: 5 minutes). */
type Series = Readonly<Record<string, string>>

interface AlertCase {
  readonly alert: string
  /** Labels of the firing alert, besides the name and the severity. Each case has its own cluster, named c here. */
  readonly labels: Readonly<Record<string, string>>
  /** True for an alert that needs a day: it is evaluated after 25 hours instead of 20 minutes. */
  readonly isSlow?: true
  /** Series with which the alert fires after this time. */
  readonly fires: Series
  /** Series with which the alert does not fire: the nearest harmless state. */
  readonly quiet: Series
}

const long = 100
const constant = (value: number) => `${value}x${long}`
const growing = (step: number) => `0+${step}x${long}`
const node = (name: string, labels = '') => `${name}{job="gatehouse",instance="n1",gatehouse_cluster="c"${labels}}`
const worker = (name: string, labels = '') =>
  `${name}{job="gatehouse-worker",instance="w1",gatehouse_cluster="c"${labels}}`
const onNode = { job: 'gatehouse', instance: 'n1', gatehouse_cluster: 'c' }
const inCluster = { gatehouse_cluster: 'c' }
const day = 86_400

/** A case of a gauge of a node that is above a limit. */
function gauge(alert: string, metric: string, fires: number, quiet: number): AlertCase {
  return {
    alert,
    labels: onNode,
    fires: { [node(metric)]: constant(fires) },
    quiet: { [node(metric)]: constant(quiet) },
  }
}

/** A case of a counter of a node that must not grow. */
function counter(alert: string, metric: string, labels: Readonly<Record<string, string>> = {}): AlertCase {
  const more = Object.entries(labels).map(([name, value]) => `,${name}="${value}"`)
  const series = node(metric, more.join(''))
  return { alert, labels: { ...onNode, ...labels }, fires: { [series]: growing(1) }, quiet: { [series]: constant(7) } }
}

/** A case of a gauge that workers report for a sink or a queue. */
function reported(alert: string, metric: string, labels: string, shown: Series, limits: readonly [number, number]) {
  const series = worker(metric, labels)
  const [fires, quiet] = limits
  return {
    alert,
    labels: { ...inCluster, ...shown },
    fires: { [series]: constant(fires) },
    quiet: { [series]: constant(quiet) },
  }
}

/** Series of a histogram whose observations are all in the bucket below `le`. */
function observations(metric: string, le: string, labels = ''): Series {
  const above = { [node(`${metric}_bucket`, `,le="+Inf"${labels}`)]: growing(10) }
  return { ...above, [node(`${metric}_bucket`, `,le="${le}"${labels}`)]: growing(10) }
}

/** Series of 100 requests per 15 s, of which `failed` fail. */
function requests(failed: number): Series {
  return {
    [node('gatehouse_requests_total', ',route="r",decision="admitted",reason="admitted"')]: growing(100 - failed),
    [node('gatehouse_requests_total', ',route="r",decision="failed",reason="upstream-unreachable"')]: growing(failed),
  }
}

/** An expiry `days` after the moment at which the rules are evaluated. */
function expiry(alert: string, kind: string, days: readonly [number, number]): AlertCase {
  const series = node('gatehouse_expires_at_seconds', `,kind="${kind}",name="x"`)
  const [fires, quiet] = days.map((each) => constant(Math.round(1200 + each * day)))
  const labels = kind === 'issuer-keys' ? { ...inCluster, name: 'x' } : { ...inCluster, kind, name: 'x' }
  return { alert, labels, fires: { [series]: fires! }, quiet: { [series]: quiet! } }
}

const policies = {
  [node('gatehouse_policy_info', ',revision="a"')]: constant(1),
  'gatehouse_policy_info{job="gatehouse",instance="n2",gatehouse_cluster="c",revision="b"}': constant(1),
}
const otherCluster = {
  [node('gatehouse_policy_info', ',revision="a"')]: constant(1),
  'gatehouse_policy_info{job="gatehouse",instance="n2",gatehouse_cluster="d",revision="b"}': constant(1),
}
const stalls = 'gatehouse_event_loop_lag_seconds'
const refreshes = (outcome: string) => node('gatehouse_session_refreshes_total', `,outcome="${outcome}"`)
const login = node('gatehouse_requests_total', ',route="",decision="failed",reason="issuer-unreachable"')
const forged = node('gatehouse_requests_total', ',route="r",decision="refused",reason="token-expired"')

const shed = (caller: string, priority: string) =>
  node('gatehouse_overload_shed_total', `,caller="${caller}",priority="${priority}",cause="delay"`)
const retries = (outcome: string) =>
  node('gatehouse_upstream_retries_total', `,service="s",cause="503",outcome="${outcome}"`)
const upstream = (name: string, state: string) =>
  node('gatehouse_upstream_state', `,service="s",upstream="${name}",state="${state}"`)
const lookups = (result: string) => node('gatehouse_upstream_lookups_total', `,name="orders.test",result="${result}"`)
/** One case for each alert, in the order of deploy/prometheus-alerts.yml. */
export const alertCases: readonly AlertCase[] = [
  {
    alert: 'GatehouseNodeDown',
    labels: { ...onNode, job: 'gatehouse-worker', instance: 'w1' },
    fires: { [worker('up')]: constant(0) },
    quiet: { [worker('up')]: constant(1), 'up{job="other",instance="x"}': constant(0) },
  },
  {
    alert: 'GatehouseNoNodeReady',
    labels: inCluster,
    fires: { [node('up')]: constant(0), 'up{job="gatehouse",gatehouse_cluster="d"}': constant(1) },
    quiet: { [node('up')]: constant(1), [node('gatehouse_ready')]: constant(1) },
  },
  {
    alert: 'GatehouseNoWorker',
    labels: inCluster,
    fires: { [worker('up')]: constant(0) },
    quiet: {
      [worker('up')]: constant(0),
      'up{job="gatehouse-worker",instance="w2",gatehouse_cluster="c"}': constant(1),
    },
  },
  {
    alert: 'GatehouseFaults',
    labels: { ...inCluster, reason: 'upstream-unreachable' },
    fires: requests(2),
    quiet: requests(1),
  },
  {
    alert: 'GatehouseSlow',
    labels: inCluster,
    fires: observations('gatehouse_gate_seconds', '0.1', ',route="r"'),
    quiet: observations('gatehouse_gate_seconds', '0.01', ',route="r"'),
  },
  {
    alert: 'GatehouseEventLoopBusy',
    labels: onNode,
    fires: { ...observations(stalls, '0.25'), [node(`${stalls}_bucket`, ',le="0.1"')]: constant(0) },
    quiet: observations(stalls, '0.05'),
  },
  {
    alert: 'GatehouseNodeSheds',
    labels: onNode,
    fires: { [shed('user', 'default')]: growing(10) },
    quiet: { [shed('stranger', 'batch')]: growing(10) },
  },
  {
    alert: 'GatehouseStrangersShed',
    labels: onNode,
    fires: { [shed('stranger', 'default')]: growing(10) },
    quiet: { [shed('stranger', 'batch')]: growing(10), [shed('user', 'default')]: constant(10) },
  },
  {
    alert: 'GatehouseEventLoopStalls',
    labels: onNode,
    fires: { [node(`${stalls}_count`)]: growing(150), [node(`${stalls}_bucket`, ',le="0.5"')]: growing(149) },
    quiet: { [node(`${stalls}_count`)]: growing(150), [node(`${stalls}_bucket`, ',le="0.5"')]: growing(150) },
  },
  {
    alert: 'GatehouseTasksFail',
    labels: { ...onNode, task: 'audit-outbox' },
    fires: { [node('gatehouse_background_task_failures_total', ',task="audit-outbox"')]: growing(1) },
    quiet: { [node('gatehouse_background_task_failures_total', ',task="audit-outbox"')]: constant(50) },
  },
  counter('GatehouseLogLost', 'gatehouse_log_lines_lost_total'),
  {
    alert: 'GatehouseForgedTokens',
    labels: inCluster,
    fires: { [forged]: growing(900) },
    quiet: { [forged]: growing(300) },
  },
  gauge('GatehouseOutOfContact', 'gatehouse_cluster_in_contact', 0, 1),
  {
    alert: 'GatehouseRevocationsStale',
    labels: onNode,
    fires: {
      [node('gatehouse_cluster_age_seconds')]: constant(11),
      [node('gatehouse_cluster_bound_seconds')]: constant(10),
    },
    quiet: {
      [node('gatehouse_cluster_age_seconds')]: constant(9),
      [node('gatehouse_cluster_bound_seconds')]: constant(10),
    },
  },
  {
    alert: 'GatehouseRedisMemory',
    labels: inCluster,
    fires: {
      [node('gatehouse_redis_memory_bytes')]: constant(81),
      [node('gatehouse_redis_memory_max_bytes')]: constant(100),
    },
    quiet: {
      [node('gatehouse_redis_memory_bytes')]: constant(81),
      [node('gatehouse_redis_memory_max_bytes')]: constant(0),
    },
  },
  { alert: 'GatehousePoliciesDiffer', labels: inCluster, fires: policies, quiet: otherCluster },
  {
    alert: 'GatehousePoliciesDiffer',
    labels: inCluster,
    fires: { ...policies, [node('gatehouse_policy_rollout_running')]: constant(0) },
    quiet: { ...policies, [node('gatehouse_policy_rollout_running')]: constant(1) },
  },
  counter('GatehousePolicyRejected', 'gatehouse_policy_rejected_total'),
  gauge('GatehousePolicyBehind', 'gatehouse_policy_behind', 1, 0),
  counter('GatehousePolicyForged', 'gatehouse_policy_activations_refused_total', { cause: 'forged' }),
  reported('GatehouseQueueWaits', 'gatehouse_queue_jobs', ',queue="q",state="waiting"', { queue: 'q' }, [1001, 1000]),
  {
    alert: 'GatehouseNoHealthyUpstream',
    labels: { ...inCluster, service: 's' },
    fires: { [upstream('a', 'failing')]: constant(1), [upstream('b', 'drained')]: constant(1) },
    quiet: { [upstream('a', 'failing')]: constant(1), [upstream('b', 'slow-start')]: constant(1) },
  },
  {
    alert: 'GatehouseUpstreamLookupsFail',
    labels: { ...inCluster, name: 'orders.test' },
    fires: {
      [lookups('failed')]: growing(1),
      [lookups('resolved')]: constant(7),
      [lookups('resolved').replace('n1', 'n2')]: growing(1),
    },
    quiet: { [lookups('failed')]: growing(1), [lookups('resolved')]: growing(1) },
  },
  {
    alert: 'GatehouseRetriesExhausted',
    labels: { ...inCluster, service: 's' },
    fires: { [retries('budget-exhausted')]: growing(10) },
    quiet: { [retries('attempts-exhausted')]: growing(10) },
  },
  {
    alert: 'GatehouseDrainForgotten',
    labels: { ...inCluster, service: 's', upstream: 'a' },
    isSlow: true,
    fires: { [upstream('a', 'drained')]: '1x310', [upstream('b', 'up')]: '1x310' },
    quiet: { [upstream('a', 'drained')]: '_x200 1x110', [upstream('b', 'up')]: '1x310' },
  },
  {
    alert: 'GatehouseIssuerUnreachable',
    labels: { ...inCluster, issuer: 'i' },
    fires: { [node('gatehouse_issuer_keys_failing', ',issuer="i"')]: constant(1) },
    quiet: { [node('gatehouse_issuer_keys_failing', ',issuer="i"')]: constant(0) },
  },
  expiry('GatehouseIssuerKeysEnd', 'issuer-keys', [0.1, 0.5]),
  {
    alert: 'GatehouseLoginsFail',
    labels: { ...inCluster, reason: 'issuer-unreachable' },
    fires: { [login]: growing(1) },
    quiet: { [login]: constant(7) },
  },
  {
    alert: 'GatehouseRefreshesFail',
    labels: inCluster,
    fires: { [refreshes('granted')]: growing(8), [refreshes('failed')]: growing(2) },
    quiet: { [refreshes('granted')]: growing(19), [refreshes('failed')]: growing(1) },
  },
  {
    alert: 'GatehouseServiceTokenMissing',
    labels: { ...inCluster, issuer: 'i', client: 'g' },
    fires: { [node('gatehouse_service_token_seconds', ',issuer="i",client="g"')]: constant(0) },
    quiet: { [node('gatehouse_service_token_seconds', ',issuer="i",client="g"')]: constant(100) },
  },
  expiry('GatehouseExpiresSoon', 'certificate', [6, 8]),
  expiry('GatehouseExpiresToday', 'key', [0.9, 2]),
  counter('GatehouseAuditLost', 'gatehouse_audit_lost_records_total'),
  gauge('GatehouseAuditSpills', 'gatehouse_audit_spill_bytes', 1, 0),
  {
    alert: 'GatehouseAuditSpillFull',
    labels: onNode,
    fires: {
      [node('gatehouse_audit_spill_bytes')]: constant(81),
      [node('gatehouse_audit_spill_max_bytes')]: constant(100),
    },
    quiet: {
      [node('gatehouse_audit_spill_bytes')]: constant(79),
      [node('gatehouse_audit_spill_max_bytes')]: constant(100),
    },
  },
  reported('GatehouseShippingLag', 'gatehouse_audit_shipping_lag_seconds', ',sink="s"', { sink: 's' }, [301, 300]),
  reported('GatehouseDeadLetters', 'gatehouse_audit_dead_letters', ',sink="s"', { sink: 's' }, [1, 0]),
]
