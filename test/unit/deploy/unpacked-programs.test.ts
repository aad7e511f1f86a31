// A program in an unpacked tree of Debian packages finds its libraries and files in that tree.

import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { expect, test } from 'vitest'
import { unpackedChromium } from '../../../deploy/chromium.mjs'
import { libraryPath } from '../../../deploy/library-path.mjs'

function tree(files: readonly string[]): string {
  const root = mkdtempSync(join(tmpdir(), 'unpacked-'))
  for (const file of files) {
    mkdirSync(join(root, file, '..'), { recursive: true })
    writeFileSync(join(root, file), '#!/bin/sh\n')
    chmodSync(join(root, file), 0o755)
  }
  return root
}

test.each([
  { of: 'no library', files: ['usr/bin/server'], folders: [] },
  { of: 'one architecture', files: ['usr/lib/x-linux-gnu/libz.so.1'], folders: ['x-linux-gnu'] },
  {
    of: 'a library with a folder of its own',
    files: ['usr/lib/x-linux-gnu/libpulse.so.0', 'usr/lib/x-linux-gnu/pulseaudio/libpulsecommon-17.0.so'],
    folders: ['x-linux-gnu', 'x-linux-gnu/pulseaudio'],
  },
  {
    of: 'a library with plug-ins',
    files: ['usr/lib/x-linux-gnu/libgio.so.0', 'usr/lib/x-linux-gnu/gio/modules/libdconf.so'],
    folders: ['x-linux-gnu'],
  },
  { of: 'a program with files of its own', files: ['usr/lib/chromium/libEGL.so'], folders: [] },
])(
  'the library path for a folder of unpacked Debian packages with $of has the folders $folders',
  ({ files, folders }) => {
    const root = tree(files)

    const own = libraryPath(root).split(delimiter)
    expect(own.filter((folder) => folder.startsWith(root))).toEqual(folders.map((name) => join(root, 'usr/lib', name)))
  },
)

test.each([
  { fonts: 'without fonts', files: [], ownFonts: false },
  { fonts: 'with fonts', files: ['usr/share/fonts/truetype/sans.ttf'], ownFonts: true },
])(
  'whether an unpacked Chromium in a folder with $fonts uses only the fonts of that folder: $ownFonts',
  ({ files, ownFonts }) => {
    const root = tree(['usr/lib/chromium/chromium', ...files])

    expect(unpackedChromium(root)?.env.FONTCONFIG_SYSROOT).toBe(ownFonts ? root : undefined)
  },
)
