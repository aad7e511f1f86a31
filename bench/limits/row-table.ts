import { formatNumber } from '../harness/statistics.ts'
import type { Table } from '../report/rows.ts'
import type { RowResult } from './row.ts'

/**
 * Compare function that sorts rows by window (longest first), limit, number of nodes, mode and unevenness of the load.
 */
export function compared(a: RowResult, b: RowResult): number {
  return (
    b.windowS - a.windowS ||
    a.requests - b.requests ||
    a.nodes - b.nodes ||
    a.mode.localeCompare(b.mode) ||
    a.lopsided - b.lopsided
  )
}

export function rowTable(results: readonly RowResult[]): Table {
  return {
    title: 'Limits, offered 1.5 times what they admit',
    columns: [
      ...['limit', 'nodes', 'load', 'mode', 'offered/s', 'admitted', 'of ideal %', 'over'],
      ...['Redis calls/1000', 'Redis commands/1000', 'Redis CPU ms/1000'],
    ],
    rows: results.map((row) => [
      `${row.requests}/${row.windowS === 60 ? 'min' : 's'}`,
      row.nodes,
      row.lopsided === 0 ? 'even' : '90 % on one',
      row.mode,
      formatNumber(row.offeredPerSecond),
      row.admitted,
      row.idealPercent.toFixed(1),
      row.over,
      formatNumber(row.callsPer1000),
      formatNumber(row.commandsPer1000),
      formatNumber(row.redisMsPer1000),
    ]),
  }
}
