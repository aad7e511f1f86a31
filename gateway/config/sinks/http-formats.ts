import { elasticsearch, opensearch } from './bulk-format.ts'
import type { HttpFormatKind } from './http-format.ts'
import { loki } from './loki-format.ts'
import { ndjson } from './ndjson-format.ts'
import { splunk } from './splunk-format.ts'

/**
 * All request formats of audit sinks of `type: http`, in the order of the configuration reference. The first is the
 * default.
 */
export const httpFormatKinds = [
  ndjson,
  elasticsearch,
  opensearch,
  loki,
  splunk,
] as const satisfies readonly HttpFormatKind[]
