import { useLayoutEffect, useRef, useState } from 'react'
import type { Column } from './table.tsx'
import { windowOfRows } from './window-of-rows.ts'

interface LongListProps<Row> {
  /** Name of what the rows of the table are, for screen readers. */
  readonly caption: string
  readonly columns: readonly Column<Row>[]
  /** Number of rows of the list, drawn or not. */
  readonly count: number
  /** Returns a row by its index, the newest first. */
  readonly rowAt: (index: number) => Row
  readonly keyOf: (row: Row) => string
  /** Number of rows that were ever added. Rows that are added above keep the visible rows in place. */
  readonly added: number
}

/** Height of a row, px, as in the style sheet. */
const ROW_PX = 30

/** A table with very many rows of one height, of which only the visible ones are in the document. */
export function LongList<Row>({ caption, columns, count, rowAt, keyOf, added }: LongListProps<Row>) {
  const frame = useRef<HTMLElement>(null)
  const [{ scrollTop, height }, setView] = useState({ scrollTop: 0, height: 800 })
  const addedBefore = useRef(added)
  useLayoutEffect(() => {
    const { current } = frame
    const more = added - addedBefore.current
    addedBefore.current = added
    if (current !== null && more > 0 && current.scrollTop > 0) current.scrollTop += more * ROW_PX
  }, [added])
  useLayoutEffect(() => {
    const measure = () => {
      const { current } = frame
      if (current !== null) setView({ scrollTop: current.scrollTop, height: current.clientHeight })
    }
    measure()
    const observer = new ResizeObserver(measure)
    observer.observe(frame.current!)
    return () => observer.disconnect()
  }, [])
  const { first, end } = windowOfRows(count, { scrollTop, height, rowHeight: ROW_PX })
  const rows = Array.from({ length: Math.max(0, end - first) }, (_, i) => rowAt(first + i))
  return (
    <section
      className="long-list"
      aria-label={caption}
      ref={frame}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard.
      tabIndex={0}
      onScroll={({ currentTarget }) =>
        setView({ scrollTop: currentTarget.scrollTop, height: currentTarget.clientHeight })
      }
    >
      <table aria-rowcount={count + 1}>
        <caption>{caption}</caption>
        <thead>
          <tr aria-rowindex={1}>
            {columns.map(({ title }) => (
              <th key={title} scope="col">
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          <Gap rows={first} columns={columns.length} />
          {rows.map((row, i) => (
            <tr key={keyOf(row)} aria-rowindex={first + i + 2}>
              {columns.map(({ title, cell }) => (
                <td key={title}>{cell(row)}</td>
              ))}
            </tr>
          ))}
          <Gap rows={count - end} columns={columns.length} />
        </tbody>
      </table>
    </section>
  )
}

/** Empty space in the table in place of rows that are not drawn. */
function Gap({ rows, columns }: { readonly rows: number; readonly columns: number }) {
  if (rows <= 0) return null
  return (
    <tr className="gap" style={{ height: rows * ROW_PX }}>
      <td colSpan={columns} />
    </tr>
  )
}
