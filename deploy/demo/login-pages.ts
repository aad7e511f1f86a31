import { users } from './accounts.ts'

/** HTML page that asks for the user name. @param problem  error message above the form; default: none */
export function loginPage(clientId: string, problem = ''): string {
  const buttons = Object.entries(users).map(
    ([id, { name, roles }]) => `
      <button name="user" value="${escaped(id)}">${escaped(name)}<small>${escaped(roles.join(', ') || 'no role')}</small></button>`,
  )
  return page(
    'Log in',
    `<p><b>${escaped(clientId)}</b> wants to know who you are. This is a demo: no password is asked.</p>
    ${problem === '' ? '' : `<p class="problem" role="alert">${escaped(problem)}</p>`}
    <form method="post">${buttons.join('')}
      <button name="deny" value="1" class="plain">Cancel</button>
    </form>`,
  )
}

/** HTML page that asks the user to grant the requested scopes to a client. */
export function consentPage(clientId: string, user: string, scopes: readonly string[]): string {
  const items = scopes.map((scope) => `<li><code>${escaped(scope)}</code></li>`).join('')
  return page(
    'Allow access?',
    `<p><b>${escaped(clientId)}</b> asks to act for <b>${escaped(user)}</b>:</p>
    <ul>${items}</ul>
    <form method="post">
      <button name="allow" value="1">Allow</button>
      <button name="deny" value="1" class="plain">Deny</button>
    </form>`,
  )
}

/**
 * HTML page that confirms a logout.
 *
 * @param form  form of oidc-provider, without a button. The button of this page adds `logout=yes`, which also ends the
 * session at the issuer
 */
export function logoutPage(form: string): string {
  return page(
    'Log out?',
    `<p>You are logged in at the demo issuer.</p>
    ${form}
    <button form="op.logoutForm" name="logout" value="yes">Log out everywhere</button>`,
  )
}

export function errorPage(code: string, description: string): string {
  return page('The request failed', `<p><code>${escaped(code)}</code></p><p>${escaped(description)}</p>`)
}

export function welcomePage(): string {
  const metadata = '/.well-known/openid-configuration'
  return page(
    'Demo issuer',
    `<p>An authorization server for the Gatehouse demo. It knows the users
    ${Object.keys(users).map(escaped).join(' and ')}.</p>
    <p><a href="${metadata}">Its metadata</a></p>`,
  )
}

/**
 * HTML page of the demo's app for a user who has logged in at the gate.
 *
 * @param claims  claims of the assertion, with which the gate tells the service who the user is
 */
export function appPage(claims: Readonly<Record<string, unknown>>): string {
  return page(
    'The app',
    `<p>The gate admitted this request. You are <b>${escaped(String(claims['sub'] ?? 'unknown'))}</b>.</p>
    <p>The service received these claims in <code>x-gatehouse-jwt-assertion</code>:</p>
    <pre>${escaped(JSON.stringify(claims, undefined, 2))}</pre>
    <ul>
      <li><a href="/app/hello">Allowed: the request as the service receives it</a></li>
      <li><a href="/app/admin/">Refused: a page for the group admins, which has no members</a></li>
      <li><a href="/orders/42">Refused: a path for programs with an access token</a></li>
      <li><a href="/.gatehouse/session">Your session</a></li>
      <li><a href="/.gatehouse/logout">Log out</a></li>
    </ul>`,
  )
}

function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${title} · Gatehouse demo</title>
<style>
  :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
  body { max-width: 22rem; margin: 18vh auto 0; padding: 0 1rem }
  h1 { font-size: 1.4rem }
  ul { padding-left: 1.2rem }
  button { display: flex; justify-content: space-between; align-items: baseline; width: 100%; margin: .5rem 0;
    padding: .7rem 1rem; font: inherit; color: #fff; background: #24527a; border: 0; border-radius: .4rem; cursor: pointer }
  button:hover, button:focus-visible { background: #1a3d5c }
  pre { overflow-x: auto; font-size: .8rem }
  .plain { color: inherit; background: none; justify-content: center }
  .plain:hover, .plain:focus-visible { background: #8883 }
  .problem { padding: .5rem .8rem; border-left: .25rem solid #b3261e; background: #b3261e22 }
</style>
</head>
<body>
<h1>${title}</h1>
${body}
</body>
</html>
`
}

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
