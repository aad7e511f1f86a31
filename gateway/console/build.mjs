// Builds the console into `dist`, which the admin plane serves: `node build.mjs [FOLDER]`. Needs the development packages.

import { renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
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
rmSync(target, { recursive: true, force: true })
renameSync(unfinished, target)
