// Checks what is deployed with the tools that made it their trade: `node deploy/verify.mjs`. What is missing here is said,
// with what brings it on Debian, and is no failure. The balancers are not here: tests run them.

import { spawnSync } from 'node:child_process'
import {
  accessSync,
  constants,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

const deploy = import.meta.dirname
const checkout = join(deploy, '..')
const chart = join(deploy, 'helm', 'gatehouse')
const fullValues = join(deploy, 'verify', 'chart', 'full-values.yaml')
const scratch = mkdtempSync(join(tmpdir(), 'gatehouse-verify-'))

/** Of several commands the first that fails is the answer. */
const checks = [
  { what: 'docker-compose.yml', there: onPath('docker-compose'), needs: 'docker-compose', commands: compose },
  { what: 'prometheus-alerts.yml', there: onPath('promtool'), needs: 'promtool', commands: alertRules },
  { what: 'YAML', there: onPath('yamllint'), needs: 'yamllint', commands: yaml },
  { what: 'shell scripts', there: onPath('shellcheck'), needs: 'shellcheck', commands: shellScripts },
  { what: 'Helm chart by Helm', there: onPath('helm'), needs: 'helm, which Debian has not', commands: helm },
  {
    what: 'Helm chart by its parts: templates, and manifests in the types of Kubernetes',
    there: onPath('go') && goLibraries(),
    needs: 'golang-go golang-github-masterminds-sprig-dev golang-k8s-client-go-dev golang-k8s-sigs-yaml-dev',
    commands: renderChart,
  },
  { what: 'systemd units', there: onPath('systemd-analyze'), needs: 'systemd', commands: units },
]

let failed = 0
for (const { what, there, needs, commands } of checks) {
  if (!there) {
    console.log(`not run  ${what}: install ${needs}`)
    continue
  }
  const wrong = firstFailure(commands())
  console.log(`${wrong === undefined ? 'ok      ' : 'FAILED  '} ${what}`)
  if (wrong === undefined) continue
  console.log(wrong)
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
  ]
}

function goLibraries() {
  const libraries = ['github.com/Masterminds/sprig', 'k8s.io/client-go', 'sigs.k8s.io/yaml']
  return libraries.every((name) => existsSync(join('/usr/share/gocode/src', name)))
}

function renderChart() {
  const render = join(scratch, 'render')
  const least = join(scratch, 'least.yaml')
  writeFileSync(least, 'existingPolicyConfigMap: policy\n')
  cpSync(join(deploy, 'verify', 'chart', 'main.go'), join(scratch, 'main.go'))
  return [
    ['go', ['build', '-o', render, 'main.go'], { GO111MODULE: 'off', GOPATH: '/usr/share/gocode' }],
    [render, [chart, least]],
    [render, [chart, fullValues]],
  ]
}

/** With the programs of this checkout, which systemd looks for. */
function units() {
  const files = readdirSync(join(deploy, 'systemd')).map((name) => {
    const path = join(scratch, name)
    writeFileSync(path, readFileSync(join(deploy, 'systemd', name), 'utf8').replaceAll('/opt/gatehouse', checkout))
    return path
  })
  return [['systemd-analyze', ['verify', '--man=no', ...files]]]
}
