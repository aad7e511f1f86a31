// Builds the console into `dist`, which the admin plane serves: `node build.mjs [FOLDER]`. Needs the development packages.

import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { build } from 'vite'

const sources = import.meta.dirname
const target = process.argv[2] ?? join(sources, 'dist')
const unfinished = `${target}.new`

await build({
  root: sources,
  configFile: false,
  logLevel: 'warn',
  build: {
    outDir: unfinished,
    emptyOutDir: true,
    target: 'es2023',
    // The Content-Security-Policy of the console allows neither inline scripts nor inline styles.
    modulePreload: false,
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    chunkSizeWarningLimit: 1024,
  },
})
// The licences of these packages require their text beside the code.
const { resolve } = createRequire(import.meta.url)
const licences = ['react', 'react-dom', 'scheduler', 'uplot'].map((name) => {
  const folder = dirname(resolve(`${name}/package.json`))
  return `${name}\n\n${readFileSync(join(folder, 'LICENSE'), 'utf8')}`
})
writeFileSync(join(unfinished, 'licences.txt'), licences.join('\n'))
rmSync(target, { recursive: true, force: true })
renameSync(unfinished, target)
