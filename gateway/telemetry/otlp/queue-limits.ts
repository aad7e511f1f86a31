import { PROCESSOR_TIMEOUT_MS } from './counted-exporter.ts'

/** Maximum number of items of one signal that wait for export. Further items are dropped and counted. */
export const QUEUE_MAX = 8192

/**
 * Options of the SDK's batch processors: at most 512 items in a batch, which is sent at most 1 s after its first item.
 */
export const processorOptions = {
  maxQueueSize: QUEUE_MAX,
  maxExportBatchSize: 512,
  scheduledDelayMillis: 1000,
  exportTimeoutMillis: PROCESSOR_TIMEOUT_MS,
} as const
