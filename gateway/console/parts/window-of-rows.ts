/** Rows of a long list that are drawn. */
export interface RowWindow {
  /** Index of the first drawn row. */
  readonly first: number
  /** Index after the last drawn row. */
  readonly end: number
}

/** Rows that are drawn above and below the visible part, so that scrolling shows no gap. */
const MARGIN_ROWS = 12

/**
 * Returns the rows to draw of a list whose rows all have one height. The number of drawn rows depends on the height of
 * the visible part alone, not on the number of rows.
 */
export function windowOfRows(
  count: number,
  { scrollTop, height, rowHeight }: { readonly scrollTop: number; readonly height: number; readonly rowHeight: number },
): RowWindow {
  const visible = Math.ceil(height / rowHeight)
  const top = Math.max(0, Math.min(Math.floor(scrollTop / rowHeight), count - visible))
  return { first: Math.max(0, top - MARGIN_ROWS), end: Math.min(count, top + visible + MARGIN_ROWS) }
}
