/** Who tells something: as `service.name`, `service.version` and `service.instance.id`. */
export interface OriginNames {
  readonly service: 'gatehouse' | 'gatehouse-worker'
  /** Of Gatehouse. */
  readonly version: string
  readonly node: string
}
