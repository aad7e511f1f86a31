// Checks the files of deploy/ with third-party tools: `node deploy/verify.mjs`. A missing tool is reported with the Debian
// package to install, and is not a failure. Configurations of nginx, HAProxy and Caddy are checked by the tests.
// The tests check the values of the Helm chart against its schema; only Helm renders the chart.

import { spawnSync } from 'node:child_process'
import { accessSync, constants, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

const deploy = import.meta.dirname
const checkout = join(deploy, '..')
const chart = join(deploy, 'helm', 'gatehouse')
const fullValues = join(deploy, 'verify', 'chart-values.yaml')
const scratch = mkdtempSync(join(tmpdir(), 'gatehouse-verify-'))

/**
 * `commands` returns commands to run one after the other. The check fails when a command fails, and runs no further
 * command.
 */
const checks = [
  { what: 'docker-compose.yml', installed: onPath('docker-compose'), needs: 'docker-compose', commands: compose },
  { what: 'prometheus-alerts.yml', installed: onPath('promtool'), needs: 'promtool', commands: alertRules },
  { what: 'YAML', installed: onPath('yamllint'), needs: 'yamllint', commands: yaml },
  { what: 'shell scripts', installed: onPath('shellcheck'), needs: 'shellcheck', commands: shellScripts },
  { what: 'Helm chart', installed: onPath('helm'), needs: 'helm (not in Debian: see helm.sh)', commands: helm },
  { what: 'systemd units', installed: onPath('systemd-analyze'), needs: 'systemd', commands: units },
]

let failed = 0
for (const { what, installed, needs, commands } of checks) {
  if (!installed) {
    console.log(`skipped  ${what}: install ${needs}`)
    continue
  }
  const failure = firstFailure(commands())
  console.log(`${failure === undefined ? 'ok      ' : 'FAILED  '} ${what}`)
  if (failure === undefined) continue
  console.log(failure)
  failed++
}
rmSync(scratch, { recursive: true, force: true })
process.exitCode = failed === 0 ? 0 : 1

function firstFailure(commands) {
  for (const [command, words, env = {}] of commands) {
    const options = { encoding: 'utf8', env: { ...process.env, ...env }, cwd: scratch, maxBuffer: 16 << 20 }
    const { status, stdout, stderr, error } = spawnSync(command, words, options)
    if (status !== 0) return `${command} ${words.join(' ')}\n${error?.message ?? `${stdout}${stderr}`}`
  }
  return undefined
}

function onPath(name) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => executable(join(folder, name)))
}

function executable(path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function compose() {
  const file = ['-f', join(checkout, 'docker-compose.yml')]
  const profiles = ['--profile', 'cluster', '--profile', 'keycloak']
  return [[], profiles].map((chosen) => ['docker-compose', [...file, ...chosen, 'config', '--quiet']])
}

function alertRules() {
  return [['promtool', ['check', 'rules', join(deploy, 'prometheus-alerts.yml')]]]
}

function yaml() {
  const folders = ['', 'compose', 'compose/gatehouse', 'compose/grafana', 'demo', 'helm/gatehouse']
  const found = folders.flatMap((folder) => {
    const names = readdirSync(join(deploy, folder), { recursive: folder === 'compose/grafana' })
    return names.filter((name) => /\.ya?ml$/.test(name)).map((name) => join(deploy, folder, name))
  })
  const rules = ['--strict', '-c', join(deploy, 'verify', 'yamllint.yaml')]
  return [['yamllint', [...rules, join(checkout, 'docker-compose.yml'), ...found]]]
}

function shellScripts() {
  return [['shellcheck', ['make-keys.sh', 'found-cluster.sh'].map((name) => join(deploy, 'compose', name))]]
}

function helm() {
  return [
    ['helm', ['lint', '--strict', chart, '-f', fullValues]],
    ['helm', ['template', 'gate', chart, '-f', fullValues]],
    ['helm', ['template', 'gate', chart, '-f', fullValues, '--set', 'policySource=file']],
  ]
}

/** systemd-analyze looks for the programs of a unit, so the units get the path of this checkout. */
function units() {
  const files = readdirSync(join(deploy, 'systemd')).map((name) => {
    const path = join(scratch, name)
    writeFileSync(path, readFileSync(join(deploy, 'systemd', name), 'utf8').replaceAll('/opt/gatehouse', checkout))
    return path
  })
  return [['systemd-analyze', ['verify', '--man=no', ...files]]]
}
