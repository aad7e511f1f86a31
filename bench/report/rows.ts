/** Table of a benchmark report. Each row has one cell per column. */
export interface Table {
  readonly title: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly (string | number)[])[]
}

export function rowsText({ columns, rows }: Table): string {
  return aligned([columns.map((column) => column.toUpperCase()), ...rows.map((row) => row.map(String))])
}

/** Formats rows as text. Each column is as wide as its widest cell. */
export function aligned(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
