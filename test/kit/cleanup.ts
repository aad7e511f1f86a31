type Stop = () => Promise<unknown> | unknown

const stops: Stop[] = []
const dumps: (() => void)[] = []

/**
 * Runs `stop` after the last test of the test file, also when tests fail. The function that was registered last runs
 * first. `stop` must tolerate a second call.
 */
export function atEnd(stop: Stop): void {
  stops.push(stop)
}

/** Runs `dump` after each failed test of the file; `dump` prints data that explain the failure. */
export function atFailure(dump: () => void): void {
  dumps.push(dump)
}

/**
 * Stops everything that the tests of a file started. Called by `file-hooks.ts`. @throws {AggregateError} with every
 * error of a `stop`
 */
export async function stopAll(): Promise<void> {
  dumps.length = 0
  const failures: unknown[] = []
  for (const stop of stops.splice(0).reverse()) {
    try {
      await stop()
    } catch (failure) {
      failures.push(failure)
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, 'parts that the tests started did not stop cleanly')
}

/** Runs all `dump` functions. Called by `file-hooks.ts` after a failed test. */
export function dumpAll(): void {
  for (const dump of dumps) dump()
}
