import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'

/** Texts in which a release must have the same version. */
export interface VersionTexts {
  readonly packageJson: string
  readonly packageLock: string
  readonly chart: string
  readonly changelog: string
  /** Tags of the commit; empty if the commit has none. */
  readonly tags: readonly string[]
}

export function versionTexts(checkout: string): VersionTexts {
  const text = (name: string) => readFileSync(join(checkout, name), 'utf8')
  const tags = execFileSync('git', ['tag', '--points-at', 'HEAD'], { cwd: checkout, encoding: 'utf8' })
  return {
    packageJson: text('package.json'),
    packageLock: text('package-lock.json'),
    chart: text('deploy/helm/gatehouse/Chart.yaml'),
    changelog: text('CHANGELOG.md'),
    tags: tags.split('\n').filter((tag) => /^v?\d/.test(tag)),
  }
}

/** Lists each place whose version differs from package.json. Returns an empty list when all agree. */
export function disagreements({ packageJson, packageLock, chart, changelog, tags }: VersionTexts): string[] {
  const { version } = JSON.parse(packageJson) as { readonly version: string }
  const lock = JSON.parse(packageLock) as { version: string; packages: { '': { version: string } } }
  const { version: chartVersion, appVersion } = parse(chart) as { version: string; appVersion: string }
  const [heading = 'no heading'] = /^## .*/m.exec(changelog) ?? []
  const found: readonly [place: string, found: string, expected: string][] = [
    ['package-lock.json, version', lock.version, version],
    ['package-lock.json, packages[""].version', lock.packages[''].version, version],
    ['deploy/helm/gatehouse/Chart.yaml, version', String(chartVersion), version],
    ['deploy/helm/gatehouse/Chart.yaml, appVersion', String(appVersion), version],
    ['CHANGELOG.md, first heading', heading.replace(/ - \d{4}-\d\d-\d\d$/, ''), `## [${version}]`],
    ...tags.map((tag): [string, string, string] => ['tag of the commit', tag, `v${version}`]),
  ]
  return found
    .filter(([, text, expected]) => text !== expected)
    .map(([place, text, expected]) => `${place}: found ${text}, expected ${expected}`)
}
