const light = {
  ink: '#1c2024',
  dim: '#666677',
  paper: '#ffffff',
  rule: '#dde1e6',
  bar: '#3b74b8',
  bad: '#b8323b',
  good: '#23794a',
  near: '#9a6a00',
  c0: '#3b74b8',
  c1: '#b8622c',
  c2: '#23794a',
  c3: '#8043a3',
  c4: '#9a6a00',
  c5: '#a33463',
}
const dark: typeof light = {
  ink: '#e6e8ea',
  dim: '#9aa4ae',
  paper: '#14171a',
  rule: '#2c3238',
  bar: '#5b95d8',
  bad: '#e8656d',
  good: '#58b583',
  near: '#d9a53a',
  c0: '#5b95d8',
  c1: '#e39560',
  c2: '#58b583',
  c3: '#b98ad6',
  c4: '#d9a53a',
  c5: '#df7aa4',
}

/**
 * Colour variables for light and dark systems. Uses a media query, because not every SVG viewer supports
 * `light-dark()`.
 */
export const colours = `:root { ${variables(light)} }
@media (prefers-color-scheme: dark) { :root { ${variables(dark)} } }`

/** CSS of the charts, used in HTML pages and in SVG files. */
export const chartStyle = `svg text { font: 13px system-ui, sans-serif; fill: var(--ink); dominant-baseline: middle }
.label { text-anchor: end } .tick { text-anchor: middle } .axis { stroke: var(--dim); fill: none }
rect.bar { fill: var(--bar) } rect.missed { fill: var(--bad) } path.spread { stroke: var(--ink); stroke-width: 2; opacity: .7 }
path.most { stroke: var(--near); stroke-width: 2; stroke-dasharray: 4 2 }
path.line { fill: none; stroke-width: 2 } path.model { stroke-dasharray: 5 4; opacity: .7 }
${[0, 1, 2, 3, 4, 5].map((n) => `.c${n} { --c: var(--c${n}) }`).join(' ')}
path.line { stroke: var(--c) } circle { fill: var(--c) } g[class] text { fill: var(--c) }`

function variables(of: typeof light): string {
  return Object.entries(of)
    .map(([name, value]) => `--${name}: ${value}`)
    .join('; ')
}
