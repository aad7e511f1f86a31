/** Common interface of the OpenTelemetry exporters: a batch, and a callback with a result code. */
interface CallbackExporter<Batch> {
  export(batch: Batch, done: (result: { readonly code: number; readonly error?: Error }) => void): void
}

/** `ExportResultCode.SUCCESS` */
const SUCCESS = 0

/**
 * Deadline for one batch. It is longer than the timeout of the exporter (10 s by default), which a receiver that sends
 * its response byte by byte can keep from firing.
 */
const DEADLINE_MS = 30_000

/**
 * Sends a batch. The exporter retries by itself until its own timeout.
 *
 * @param deadlineMs  longest wait for the result, ms. Default: 30 s
 * @throws {Error} as a rejection, when the receiver did not accept the batch or the deadline passed
 */
export function exported<Batch>(
  exporter: CallbackExporter<Batch>,
  batch: Batch,
  deadlineMs = DEADLINE_MS,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const late = (): void => reject(new Error('the receiver did not complete its reply in time'))
    const deadline = setTimeout(late, deadlineMs).unref()
    exporter.export(batch, ({ code, error }) => {
      clearTimeout(deadline)
      if (code === SUCCESS) resolve()
      else reject(error ?? new Error('the receiver rejected the batch'))
    })
  })
}
