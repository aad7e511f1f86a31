/**
 * Describes an error by its message only, cut to 200 characters. Leaves out the `cause` of the error, because an HTTP
 * library can put the request and its secrets there.
 */
export function errorReason(error: unknown): string {
  if (error instanceof AggregateError) return [...new Set(error.errors.map(errorReason))].join('; ').slice(0, 200)
  return (error instanceof Error ? error.message : String(error)).slice(0, 200)
}
