import { PROCESSOR_TIMEOUT_MS } from './counted-exporter.ts'

/** Largest number of items that wait for export, per signal. Further items are dropped and counted. */
export const QUEUE_MAX = 8192

/** Options of the SDK's batch processors: up to 512 items a batch, at most 1 s after the first item. */
export const processorOptions = {
  maxQueueSize: QUEUE_MAX,
  maxExportBatchSize: 512,
  scheduledDelayMillis: 1000,
  exportTimeoutMillis: PROCESSOR_TIMEOUT_MS,
} as const
