import type { Verb } from './verb.ts'

/**
 * Every verb of the command line, by name. A verb such as `audit tail` must follow its group `audit`. The module of a
 * verb is loaded only when the verb is used: container probes run `health` every few seconds, and `health` needs no
 * policy compiler.
 */
export const verbs: Readonly<Record<string, () => Promise<{ readonly verb: Verb }>>> = {
  serve: () => import('./verbs/serve.ts'),
  health: () => import('./verbs/health.ts'),
  check: () => import('./verbs/check.ts'),
  explain: () => import('./verbs/explain.ts'),
  import: () => import('./verbs/import.ts'),
  'import openapi': () => import('./verbs/import-openapi.ts'),
  schema: () => import('./verbs/schema.ts'),
  worker: () => import('./verbs/worker.ts'),
  queues: () => import('./verbs/queues.ts'),
  nodes: () => import('./verbs/nodes.ts'),
  'nodes accept-loss': () => import('./verbs/nodes-accept-loss.ts'),
  expiry: () => import('./verbs/expiry.ts'),
  revoke: () => import('./verbs/revoke.ts'),
  limits: () => import('./verbs/limits.ts'),
  'limits list': () => import('./verbs/limits-list.ts'),
  'limits reset': () => import('./verbs/limits-reset.ts'),
  traces: () => import('./verbs/traces.ts'),
  audit: () => import('./verbs/audit.ts'),
  'audit tail': () => import('./verbs/audit-tail.ts'),
  'audit search': () => import('./verbs/audit-search.ts'),
  'audit verify': () => import('./verbs/audit-verify.ts'),
  'audit sinks': () => import('./verbs/audit-sinks.ts'),
  'audit sinks forget': () => import('./verbs/audit-sinks-forget.ts'),
  'audit replay': () => import('./verbs/audit-replay.ts'),
  sessions: () => import('./verbs/sessions.ts'),
  'sessions list': () => import('./verbs/sessions-list.ts'),
  'sessions end': () => import('./verbs/sessions-end.ts'),
  streams: () => import('./verbs/streams.ts'),
  'streams list': () => import('./verbs/streams-list.ts'),
  'streams end': () => import('./verbs/streams-end.ts'),
  keys: () => import('./verbs/keys.ts'),
  'keys generate': () => import('./verbs/keys-generate.ts'),
  'keys list': () => import('./verbs/keys-list.ts'),
  'keys rotate': () => import('./verbs/keys-rotate.ts'),
  secrets: () => import('./verbs/secrets.ts'),
  'secrets list': () => import('./verbs/secrets-list.ts'),
  demo: () => import('./verbs/demo.ts'),
  'demo token': () => import('./verbs/demo-token.ts'),
  'demo env': () => import('./verbs/demo-env.ts'),
  bench: () => import('./verbs/bench.ts'),
}
