import type { ReactNode } from 'react'

export interface Column<Row> {
  readonly title: string
  readonly cell: (row: Row) => ReactNode
  /** Numbers are aligned to the right, with digits of one width. */
  readonly isNumber?: boolean
  /** Whether the cell is the name of its row (`<th scope="row">`). */
  readonly isName?: boolean
  /** Whether the column is left out on narrow screens. */
  readonly isExtra?: boolean
}

interface TableProps<Row> {
  /** Name of what the rows of the table are, for screen readers. */
  readonly caption: string
  readonly columns: readonly Column<Row>[]
  readonly rows: readonly Row[]
  readonly keyOf: (row: Row) => string
}

/** A table with a caption for screen readers. Wide tables scroll inside their frame. */
export function DataTable<Row>({ caption, columns, rows, keyOf }: TableProps<Row>) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard.
    <section className="table" tabIndex={0} aria-label={caption}>
      <table>
        <caption>{caption}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.title} scope="col" className={classOf(column)}>
                {column.title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)}>
              {columns.map((column) => {
                const Cell = column.isName ? 'th' : 'td'
                return (
                  <Cell key={column.title} className={classOf(column)} {...(column.isName && { scope: 'row' })}>
                    {column.cell(row)}
                  </Cell>
                )
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}

function classOf<Row>({ isNumber, isExtra }: Column<Row>): string | undefined {
  const names = [isNumber && 'number', isExtra && 'extra'].filter((name) => name)
  return names.length === 0 ? undefined : names.join(' ')
}
