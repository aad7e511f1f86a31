type Stop = () => Promise<unknown> | unknown

const stops: Stop[] = []
const dumps: (() => void)[] = []

/** Runs `stop` after the last test of the file, newest first, whatever happened. `stop` must tolerate a second call. */
export function atEnd(stop: Stop): void {
  stops.push(stop)
}

/** Runs `dump` after each failed test of the file: it prints what explains the failure. */
export function atFailure(dump: () => void): void {
  dumps.push(dump)
}

/** Called by `file-hooks.ts`. @throws {AggregateError} with every part that did not stop cleanly */
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

/** Called by `file-hooks.ts`. */
export function dumpAll(): void {
  for (const dump of dumps) dump()
}
