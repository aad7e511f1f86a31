import { afterAll } from 'vitest'

type Stop = () => Promise<unknown> | unknown

const stops: Stop[] = []

/** Has `stop` run when the file's tests are over, newest first, whatever happened. It must bear to run twice. */
export function atEnd(stop: Stop): void {
  stops.push(stop)
}

// Each test file loads its own copy of this module, so this hook is that file's.
afterAll(async () => {
  const failures: unknown[] = []
  for (const stop of stops.splice(0).reverse()) {
    try {
      await stop()
    } catch (failure) {
      failures.push(failure)
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, 'what the tests started did not stop cleanly')
})
