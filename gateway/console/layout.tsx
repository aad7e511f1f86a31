import { type ReactNode, useEffect, useRef, useState } from 'react'
import { KeyHelp } from './key-help.tsx'
import { matchPath, type PathParameters } from './match-view.ts'
import { CliTwin } from './parts/cli-twin.tsx'
import { Link } from './parts/link.tsx'
import { Mark } from './parts/mark.tsx'
import { Notice } from './parts/notices.tsx'
import { navigate, usePath, useQuery } from './router.ts'
import { Search } from './search.tsx'
import { closeSession, missingScope, useSession } from './session.ts'
import { storedTheme, storeTheme, type Theme, themes } from './theme.ts'
import { useKeys } from './use-keys.ts'
import { type ConsoleView, viewGroups } from './view.ts'
import { views } from './views.ts'

/** The frame of all views: navigation, search, and the view of the current address. */
export function Layout({ onLogOut }: { readonly onLogOut: () => Promise<void> }) {
  const path = usePath()
  const [helps, setHelps] = useState(false)
  const [opened, setOpened] = useState(false)
  const search = useRef<HTMLInputElement>(null)
  useKeys(views, { search: () => search.current?.focus(), help: () => setHelps((shown) => !shown) })
  const shown = currentView(path)
  useTitle(shown?.view.title ?? 'Not found')
  useMoved(path, () => {
    setOpened(false)
    document.getElementById('main')?.focus()
  })

  return (
    <>
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <header className="top">
        <button
          type="button"
          className="button small menu"
          aria-expanded={opened}
          aria-controls="navigation"
          onClick={() => setOpened(!opened)}
        >
          Menu
        </button>
        <Link to="/" className="brand">
          <Mark /> <span>Gatehouse</span>
        </Link>
        <Search field={search} />
        <Operator onLogOut={onLogOut} onHelp={() => setHelps(true)} />
      </header>
      <Navigation path={path} isOpened={opened} />
      <main id="main" tabIndex={-1}>
        {shown === undefined ? <NotFound /> : <ShownView key={path} {...shown} />}
      </main>
      {helps && <KeyHelp views={views} onClose={() => setHelps(false)} />}
    </>
  )
}

interface Shown {
  readonly view: ConsoleView
  readonly params: PathParameters
}

function currentView(path: string): Shown | undefined {
  for (const view of views) {
    const params = matchPath(view.path, path)
    if (params !== undefined) return { view, params }
  }
  return undefined
}

function ShownView({ view, params }: Shown) {
  const [query] = useQuery()
  const { session } = useSession()
  const missing = view.needs.map((id) => missingScope(session, id)).find((scope) => scope !== undefined)
  const Component = view.component
  return (
    <>
      <header className="view-head">
        <h1>{view.title}</h1>
        <CliTwin command={view.cliTwin(query, params)} />
      </header>
      {missing === undefined ? <Component params={params} /> : <MissingScope scope={missing} />}
    </>
  )
}

export function MissingScope({ scope }: { readonly scope: string }): ReactNode {
  const { session } = useSession()
  return (
    <Notice tone="warn">
      <strong>
        This view needs the scope <code>{scope}</code>
      </strong>
      <p>
        The token of {session.who} has: {session.scopes.join(' ') || 'no scope'}. Log out, and log in with a token that
        has the scope.
      </p>
    </Notice>
  )
}

function Navigation({ path, isOpened }: { readonly path: string; readonly isOpened: boolean }) {
  return (
    <nav id="navigation" className={isOpened ? 'opened' : undefined} aria-label="Views">
      {viewGroups.map((group) => {
        const listed = views.filter((view) => view.group === group)
        if (listed.length === 0) return null
        return (
          <div key={group}>
            <h2>{group}</h2>
            <ul>
              {listed.map((view) => (
                <li key={view.path}>
                  <Link to={view.path} isCurrent={view.path === path}>
                    {view.title}
                    {view.key !== undefined && (
                      <span className="key" aria-hidden="true">
                        g {view.key}
                      </span>
                    )}
                  </Link>
                </li>
              ))}
            </ul>
          </div>
        )
      })}
    </nav>
  )
}

function Operator({ onLogOut, onHelp }: { readonly onLogOut: () => Promise<void>; readonly onHelp: () => void }) {
  const { session } = useSession()
  const logOut = async () => {
    await closeSession()
    await onLogOut()
  }
  return (
    <details className="operator">
      <summary>
        <span className="who">{session.who}</span>
      </summary>
      <div className="panel">
        <p>
          <strong>{session.who}</strong>
          <br />
          {session.credential}
          {session.client !== null && ` of ${session.client}`}
        </p>
        <p className="scopes">{session.scopes.join(' ')}</p>
        <p>
          Node {session.node}, version {session.version}
        </p>
        <ThemeChoice />
        <p className="foot">
          <button type="button" className="button small" onClick={onHelp}>
            Keys
          </button>
          <button type="button" className="button small" onClick={() => void logOut()}>
            Log out
          </button>
        </p>
      </div>
    </details>
  )
}

function ThemeChoice() {
  const [theme, setTheme] = useState<Theme>(storedTheme)
  return (
    <fieldset className="theme">
      <legend>Theme</legend>
      {themes.map((each) => (
        <label key={each}>
          <input
            type="radio"
            name="theme"
            checked={theme === each}
            onChange={() => {
              storeTheme(each)
              setTheme(each)
            }}
          />
          {each}
        </label>
      ))}
    </fieldset>
  )
}

function NotFound() {
  return (
    <>
      <header className="view-head">
        <h1>Not found</h1>
      </header>
      <Notice quiet>
        The console has no view with this address.{' '}
        <button type="button" className="button small" onClick={() => navigate('/')}>
          Open the overview
        </button>
      </Notice>
    </>
  )
}

/** Calls `moved` when the view changed: the focus goes to the new view, as after the load of a page. */
function useMoved(path: string, moved: () => void): void {
  const before = useRef(path)
  useEffect(() => {
    if (before.current === path) return
    before.current = path
    moved()
  })
}

function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Gatehouse`
  }, [title])
}
