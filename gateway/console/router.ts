import { useCallback, useSyncExternalStore } from 'react'

/** Event on `window` when the console itself changed the address; the browser reports only back and forward. */
const MOVED = 'gatehouse-moved'

function subscribe(changed: () => void): () => void {
  window.addEventListener('popstate', changed)
  window.addEventListener(MOVED, changed)
  return () => {
    window.removeEventListener('popstate', changed)
    window.removeEventListener(MOVED, changed)
  }
}

const place = () => location.pathname + location.search

/** Shows another address of the console without loading the page again. */
export function navigate(to: string, how: 'push' | 'replace' = 'push'): void {
  if (to === place()) return
  if (how === 'push') history.pushState(null, '', to)
  else history.replaceState(null, '', to)
  window.dispatchEvent(new Event(MOVED))
}

/** Path of the current address. */
export function usePath(): string {
  return useSyncExternalStore(subscribe, () => location.pathname)
}

export type SetQuery = (changes: Readonly<Record<string, string | undefined>>) => void

/**
 * Query of the current address, and a function that changes parameters of the query. An empty value removes its
 * parameter. Filters are part of the address, so that a link shows what its sender saw.
 */
export function useQuery(): [query: URLSearchParams, set: SetQuery] {
  const search = useSyncExternalStore(subscribe, () => location.search)
  const set = useCallback<SetQuery>((changes) => {
    const next = new URLSearchParams(location.search)
    for (const [name, value] of Object.entries(changes)) {
      if (value === undefined || value === '') next.delete(name)
      else next.set(name, value)
    }
    const text = next.toString()
    navigate(location.pathname + (text === '' ? '' : `?${text}`), 'replace')
  }, [])
  return [new URLSearchParams(search), set]
}
