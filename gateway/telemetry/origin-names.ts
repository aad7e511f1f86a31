/**
 * Names of the process that sends telemetry: exported as `service.name`, `service.version` and `service.instance.id`.
 */
export interface OriginNames {
  readonly service: 'gatehouse' | 'gatehouse-worker'
  /** Version of Gatehouse. */
  readonly version: string
  readonly node: string
}
