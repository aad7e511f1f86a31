import { existsSync, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/**
 * Builds the LD_LIBRARY_PATH for a program below `root`, an unpacked tree of Debian packages. Libraries of the machine
 * are found as usual.
 */
export function libraryPath(root) {
  const libraries = join(root, 'usr', 'lib')
  // Debian has the libraries of an architecture in /usr/lib/<triplet>.
  const triplets = existsSync(libraries) ? readdirSync(libraries).filter((name) => name.endsWith('-linux-gnu')) : []
  const folders = triplets.flatMap((name) => withPrivateFolders(join(libraries, name)))
  return [...folders, process.env.LD_LIBRARY_PATH].filter(Boolean).join(delimiter)
}

/** Adds the subfolders that contain libraries, because some libraries load parts of themselves from a subfolder. */
function withPrivateFolders(folder) {
  const below = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  const places = below.map(({ name }) => join(folder, name))
  return [folder, ...places.filter((place) => readdirSync(place).some((name) => /^lib.*\.so/.test(name)))]
}
