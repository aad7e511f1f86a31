import type { MouseEvent, ReactNode } from 'react'
import { navigate } from '../router.ts'

interface LinkProps {
  readonly to: string
  readonly children: ReactNode
  readonly className?: string
  readonly isCurrent?: boolean
  readonly title?: string
}

/** A link to another view, without loading the page again. With a modifier key the browser follows it as any link. */
export function Link({ to, children, className, isCurrent = false, title }: LinkProps) {
  const follow = (event: MouseEvent) => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
    event.preventDefault()
    navigate(to)
    window.scrollTo(0, 0)
  }
  return (
    <a href={to} className={className} title={title} aria-current={isCurrent ? 'page' : undefined} onClick={follow}>
      {children}
    </a>
  )
}
