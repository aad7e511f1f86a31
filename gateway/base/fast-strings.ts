/** The engine keeps no notes of a function's property reads, and so changes nothing, before it has run some ten times. */
const READS = 1000

/**
 * Lets the engine look up the methods of texts fast again.
 *
 * A module that declares a subclass of `String`, as the Redis client does, leaves `String.prototype` a dictionary, which
 * optimized code does not look into: each `charCodeAt` or `startsWith` is then found anew, at every call. The engine turns it
 * back when a property of a String *object* is read, which nobody does: texts are primitives.
 */
export function fastenStrings(): void {
  const read = (text: { charCodeAt?: unknown }): unknown => text.charCodeAt
  const text = Object('')
  for (let i = 0; i < READS; i++) read(text)
}
