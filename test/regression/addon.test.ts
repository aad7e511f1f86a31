import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, cpSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

// S-147: a node does not start if the native addon of uWebSockets.js, or the script that loads it, was changed, unless
// the operator has set the new hash.

const checkout = join(import.meta.dirname, '../..')
const tree = mkdtempSync(join(tmpdir(), 'gatehouse-addon-'))
afterAll(() => rmSync(tree, { recursive: true, force: true }))

const addonName = `uws_${process.platform}_${process.arch}_${process.versions.modules}.node`
const addon = join(tree, 'node_modules/uWebSockets.js', addonName)

const script = join(tree, 'node_modules/uWebSockets.js/uws.js')

beforeAll(() => {
  for (const name of ['gateway', 'bench', 'package.json'])
    cpSync(join(checkout, name), join(tree, name), { recursive: true })
  const packages = join(checkout, 'node_modules')
  cpSync(join(packages, 'uWebSockets.js'), join(tree, 'node_modules/uWebSockets.js'), {
    recursive: true,
    // The addons of other platforms have 110 MB.
    filter: (path) => !path.endsWith('.node') || path.endsWith(addonName),
  })
  for (const name of readdirSync(packages)) {
    if (name !== 'uWebSockets.js') symlinkSync(join(packages, name), join(tree, 'node_modules', name))
  }
  // Bytes after the last section of an ELF or Mach-O file are never read, so the changed addon still loads.
  appendFileSync(addon, 'x')
  writeFileSync(
    join(tree, 'policy.yaml'),
    'version: 1\nservices:\n  s:\n    upstreams: [http://127.0.0.1:1]\n    credentials: none\n' +
      '    routes: [{ id: r, match: { path: / }, require: public }]\n',
  )
})

/** Starts a node and stops it as soon as it listens. @returns its exit code and its output */
async function serve(env: Record<string, string>) {
  const words = ['serve', '--policy', 'policy.yaml', '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0']
  const child = spawn(process.execPath, ['gateway/cli/gatehouse.mjs', ...words], {
    cwd: tree,
    env: { ...process.env, ...env },
  })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk) => {
    stdout += chunk
    if (stdout.includes('node started')) child.kill()
  })
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  const [status] = await once(child, 'close')
  return { status, stdout, stderr }
}

test('S-147 a node whose native addon has an unknown hash exits with code 1 before it listens', async () => {
  const { status, stderr, stdout } = await serve({})

  expect(status).toBe(1)
  expect(stderr).toContain('addon is not a known build of this version')
  expect(stdout).not.toContain('node started')
})

test('`gatehouse check --config` reports a native addon with an unknown hash, and exits with code 1', () => {
  writeFileSync(join(tree, 'gatehouse.yaml'), 'policy: { path: policy.yaml }\n')
  const words = ['gateway/cli/gatehouse.mjs', 'check', '--config', 'gatehouse.yaml']
  const { status, stderr } = spawnSync(process.execPath, words, { cwd: tree, encoding: 'utf8' })

  expect(status).toBe(1)
  expect(stderr).toMatch(/gatehouse\.yaml: addon_sha256: the listener's addon is not a known build of this version/)
})

test('S-147 a node starts with a changed native addon if GATEHOUSE_ADDON_SHA256 is the hash of the addon', async () => {
  const sha256 = execFileSync('sha256sum', [addon], { encoding: 'utf8' }).slice(0, 64)

  expect((await serve({ GATEHOUSE_ADDON_SHA256: sha256 })).stdout).toContain('node started')
})

test('S-147 a node runs a changed addon script only if GATEHOUSE_ADDON_SCRIPT_SHA256 is the hash of the script', async () => {
  appendFileSync(script, '\nconsole.log("script ran")\n')
  const addonSha256 = execFileSync('sha256sum', [addon], { encoding: 'utf8' }).slice(0, 64)
  const refused = await serve({ GATEHOUSE_ADDON_SHA256: addonSha256 })

  expect(refused.status).toBe(1)
  expect(refused.stderr).toContain("the listener's script is not a known build of this version")
  expect(refused.stdout).not.toContain('script ran')

  const scriptSha256 = execFileSync('sha256sum', [script], { encoding: 'utf8' }).slice(0, 64)
  const accepted = await serve({
    GATEHOUSE_ADDON_SHA256: addonSha256,
    GATEHOUSE_ADDON_SCRIPT_SHA256: scriptSha256,
  })
  expect(accepted.stdout).toContain('node started')
})
