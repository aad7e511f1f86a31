import type { HrTime } from '@opentelemetry/api'
import {
  defaultResource,
  detectResources,
  envDetector,
  type Resource,
  resourceFromAttributes,
} from '@opentelemetry/resources'
import { ATTR_SERVICE_NAME, ATTR_SERVICE_VERSION } from '@opentelemetry/semantic-conventions'
import type { OriginNames } from '../origin-names.ts'

/** Resource and instrumentation scope of the process that exports telemetry. */
export interface Origin {
  readonly resource: Resource
  readonly scope: { readonly name: string; readonly version: string }
}

/**
 * Returns resource and scope of this process. OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES override the gate's
 * values.
 */
export function originOf({ service, version, node }: OriginNames): Origin {
  const own = resourceFromAttributes({
    [ATTR_SERVICE_NAME]: service,
    [ATTR_SERVICE_VERSION]: version,
    'service.instance.id': node,
  })
  const stated = detectResources({ detectors: [envDetector] })
  return { resource: defaultResource().merge(own).merge(stated), scope: { name: 'gatehouse', version } }
}

/**
 * Converts a time to the SDK's form, seconds and nanoseconds.
 *
 * @param ms  ms since the Unix epoch, with fractions
 */
export function hrTime(ms: number): HrTime {
  const s = Math.floor(ms / 1000)
  return [s, Math.round((ms - s * 1000) * 1e6)]
}
