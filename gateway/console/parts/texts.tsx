import { useEffect, useState } from 'react'
import { distanceText, viewerTime } from '../text/format.ts'
import { visibleText } from '../text/visible-text.ts'

/** A value from a record: isolated from the text around it, with its hidden characters made visible. */
export function Value({ text, isCode = false }: { readonly text: string; readonly isCode?: boolean }) {
  return <bdi className={isCode ? 'value code' : 'value'}>{visibleText(text)}</bdi>
}

/** A time in the time zone of the viewer, with the ISO time on hover. */
export function Time({ iso }: { readonly iso: string }) {
  return (
    <time dateTime={iso} title={iso}>
      {viewerTime(iso)}
    </time>
  )
}

/** The distance of a time from now, with the ISO time on hover. Renewed every 10 s. */
export function Distance({ iso }: { readonly iso: string }) {
  const [, renew] = useState(0)
  useEffect(() => {
    const timer = setInterval(() => renew((count) => count + 1), 10_000)
    return () => clearInterval(timer)
  }, [])
  return (
    <time dateTime={iso} title={iso}>
      {distanceText(iso)}
    </time>
  )
}
