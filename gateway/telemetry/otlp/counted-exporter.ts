import { Supervisor } from '../../base/supervisor.ts'
import type { Delivery } from '../delivery.ts'

/** Receives the result of an export. */
export type ExportDone = (result: { readonly code: number; readonly error?: Error }) => void

/** Common interface of the OTLP exporters of all signals. */
interface Exporter<Batch> {
  export(batch: Batch, done: ExportDone): void
  forceFlush(): Promise<void>
  shutdown(): Promise<void>
}

/**
 * Code with which an OTLP exporter reports a successful export: `ExportResultCode.SUCCESS` of the OpenTelemetry SDK.
 */
const SUCCESS = 0

/**
 * Deadline for one batch, ms. The timeout of the exporter is shorter (10 s by default), but a receiver that sends its
 * response byte by byte can keep that timeout from firing.
 */
const DEADLINE_MS = 30_000

/**
 * Export timeout of the SDK's batch processors. Longer than `DEADLINE_MS`, so that `CountedExporter` counts every
 * failure.
 */
export const PROCESSOR_TIMEOUT_MS = 2 * DEADLINE_MS

export interface CountedExporterOptions<Batch> {
  /** Returns the number of telemetry items in a batch. */
  readonly items: (batch: Batch) => number
  /** Returns the number of items that count as failed when a batch fails. Default: `items` */
  readonly failedItems?: (batch: Batch) => number
  /** Longest wait for the result of a batch, ms. Default: 30 s */
  readonly deadlineMs?: number
}

/**
 * OTLP exporter between a processor of the OpenTelemetry SDK and the exporter of a signal. Counts sent and failed
 * items, and ends each batch within a deadline.
 *
 * Reports success to the processor for failed batches too. After a reported failure, `BatchSpanProcessor` of sdk-trace
 * 3.1 sends the next batches concurrently, and no processor retries a batch.
 */
export class CountedExporter<Batch> {
  readonly #exporter: Exporter<Batch>
  readonly #delivery: Delivery
  readonly #items: (batch: Batch) => number
  readonly #failedItems: (batch: Batch) => number
  readonly #deadlineMs: number
  readonly #task = new Supervisor('telemetry-export')
  #taken = 0
  #exporting = 0

  constructor(
    exporter: Exporter<Batch>,
    delivery: Delivery,
    { items, failedItems = items, deadlineMs = DEADLINE_MS }: CountedExporterOptions<Batch>,
  ) {
    this.#exporter = exporter
    this.#delivery = delivery
    this.#items = items
    this.#failedItems = failedItems
    this.#deadlineMs = deadlineMs
  }

  /** Number of items that the processor has passed to this exporter. */
  get taken(): number {
    return this.#taken
  }

  /** Whether a batch is being exported. */
  get busy(): boolean {
    return this.#exporting > 0
  }

  export(batch: Batch, done: ExportDone): void {
    this.#taken += this.#items(batch)
    this.#exporting++
    void this.#task.attempt(async () => {
      try {
        await this.#send(batch)
        this.#delivery.sent(this.#items(batch))
      } catch (error) {
        this.#delivery.failed(this.#failedItems(batch), error)
      }
      this.#exporting--
      done({ code: SUCCESS })
    })
  }

  forceFlush(): Promise<void> {
    return this.#exporter.forceFlush()
  }

  shutdown(): Promise<void> {
    return this.#exporter.shutdown()
  }

  #send(batch: Batch): Promise<void> {
    return new Promise((resolve, reject) => {
      const late = (): void => reject(new Error('the telemetry receiver did not complete its reply in time'))
      const deadline = setTimeout(late, this.#deadlineMs).unref()
      this.#exporter.export(batch, ({ code, error }) => {
        clearTimeout(deadline)
        if (code === SUCCESS) resolve()
        else reject(error ?? new Error('the telemetry receiver rejected the batch'))
      })
    })
  }
}
