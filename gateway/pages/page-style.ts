import { createHash } from 'node:crypto'

/** Style sheet in every page of the gate. `pages.css` may override its variables and rules. */
export const pageStyle = `:root{color-scheme:light dark;--page:#f3f5f7;--card:#fff;--text:#1b1f24;--quiet:#545c66;--line:#d5dae0;
--accent:#1f4e79;--on-accent:#fff;font:16px/1.5 system-ui,sans-serif}
@media(prefers-color-scheme:dark){:root{--page:#14171a;--card:#1e2226;--text:#e8eaed;--quiet:#a8b0b9;--line:#3a4149;
--accent:#9cc4ec;--on-accent:#10202f}}
*{box-sizing:border-box}
body{max-width:34rem;min-height:100vh;margin:0 auto;padding:12vh 1rem 2rem;background:var(--page);color:var(--text);overflow-wrap:anywhere}
header{display:flex;align-items:center;gap:.75rem;margin:0 0 1rem;font-weight:600}
header img{max-width:12rem;max-height:3rem}
main{padding:1.5rem;background:var(--card);border:1px solid var(--line);border-radius:.5rem}
h1{margin:0 0 1rem;font-size:1.5rem;line-height:1.25}
p{margin:.75rem 0}
q{display:block;color:var(--quiet)}
main a,button{display:block;width:100%;margin:.75rem 0 0;padding:.7rem 1rem;font:inherit;text-align:left;
color:var(--on-accent);background:var(--accent);border:1px solid var(--accent);border-radius:.4rem;text-decoration:none;cursor:pointer}
main a:hover,button:hover{text-decoration:underline}
:focus-visible{outline:3px solid var(--accent);outline-offset:3px}
footer{margin:1rem 0 0;font-size:.875rem;color:var(--quiet)}
footer p{margin:.25rem 0}
footer a{color:var(--accent)}
code{font-family:ui-monospace,monospace}`

/** Source expression of the style sheet for `style-src` (Content Security Policy Level 3 §2.3.1). */
export const pageStyleSource = `'sha256-${createHash('sha256').update(pageStyle).digest('base64')}'`
