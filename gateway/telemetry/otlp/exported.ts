/** What the exporters of OpenTelemetry have in common: a batch, and a call back with a code. */
interface CallbackExporter<Batch> {
  export(batch: Batch, done: (result: { readonly code: number; readonly error?: Error }) => void): void
}

/** `ExportResultCode.SUCCESS` */
const SUCCESS = 0

/**
 * Hands a batch over. The exporter tries again by itself while its deadline lasts.
 *
 * @throws {Error} as a rejection, when the receiver did not take it
 */
export function exported<Batch>(exporter: CallbackExporter<Batch>, batch: Batch): Promise<void> {
  return new Promise((resolve, reject) => {
    exporter.export(batch, ({ code, error }) => {
      if (code === SUCCESS) resolve()
      else reject(error ?? new Error('the receiver did not take it'))
    })
  })
}
