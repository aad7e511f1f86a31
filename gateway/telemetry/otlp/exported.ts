/** What the exporters of OpenTelemetry have in common: a batch, and a call back with a code. */
interface CallbackExporter<Batch> {
  export(batch: Batch, done: (result: { readonly code: number; readonly error?: Error }) => void): void
}

/** `ExportResultCode.SUCCESS` */
const SUCCESS = 0

/** Beyond the exporter's own (10 s as a rule), which a receiver holds off that sends its answer byte by byte. */
const DEADLINE_MS = 30_000

/**
 * Hands a batch over. The exporter tries again by itself while its deadline lasts.
 *
 * @throws {Error} as a rejection, when the receiver did not take it
 */
export function exported<Batch>(
  exporter: CallbackExporter<Batch>,
  batch: Batch,
  deadlineMs = DEADLINE_MS,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const late = (): void => reject(new Error('the receiver does not come to the end of its answer'))
    const deadline = setTimeout(late, deadlineMs).unref()
    exporter.export(batch, ({ code, error }) => {
      clearTimeout(deadline)
      if (code === SUCCESS) resolve()
      else reject(error ?? new Error('the receiver did not take it'))
    })
  })
}
