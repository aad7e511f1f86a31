/**
 * Number of property reads after which V8 looks up methods of strings fast again. V8 records the property reads of a
 * function only after about ten runs of the function; fewer reads have no effect.
 */
const READS = 1000

/**
 * Restores fast method lookup on strings.
 *
 * A module that declares a subclass of `String`, such as the Redis client, turns `String.prototype` into dictionary
 * mode. Optimized code does not read dictionaries, so every call of `charCodeAt` or `startsWith` repeats the lookup. V8
 * restores the fast mode when a property of a String *object* is read. No other code reads such a property, because
 * strings are primitives.
 */
export function fastenStrings(): void {
  const read = (text: { charCodeAt?: unknown }): unknown => text.charCodeAt
  const text = Object('')
  for (let i = 0; i < READS; i++) read(text)
}
