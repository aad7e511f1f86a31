/**
 * Describes an error by its message only, cut to 200 characters. The cause from an HTTP library can contain the request
 * and its secrets.
 */
export function errorReason(error: unknown): string {
  if (error instanceof AggregateError) return [...new Set(error.errors.map(errorReason))].join('; ').slice(0, 200)
  return (error instanceof Error ? error.message : String(error)).slice(0, 200)
}
