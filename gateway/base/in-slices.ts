import { setImmediate as nextTurn } from 'node:timers/promises'

/**
 * Calls `work` for each item, for at most `most` of them in one turn of the event loop. Runs synchronously when there
 * are no more items than that.
 *
 * @returns resolves after the last item
 */
export async function inSlices<Item>(items: Iterable<Item>, most: number, work: (item: Item) => void): Promise<void> {
  let left = most
  for (const item of items) {
    if (left === 0) {
      await nextTurn()
      left = most
    }
    left--
    work(item)
  }
}
