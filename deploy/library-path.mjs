import { existsSync, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/**
 * The LD_LIBRARY_PATH with which a program below `root`, an unpacked tree of distribution packages, finds the libraries
 * that came with it; a machine's own are found as ever.
 */
export function libraryPath(root) {
  const libraries = join(root, 'usr', 'lib')
  // Packages of one architecture each bring /usr/lib/<triplet>.
  const triplets = existsSync(libraries) ? readdirSync(libraries).filter((name) => name.endsWith('-linux-gnu')) : []
  const folders = triplets.flatMap((name) => withPrivateFolders(join(libraries, name)))
  return [...folders, process.env.LD_LIBRARY_PATH].filter(Boolean).join(delimiter)
}

/** Some libraries keep a part of theirs one folder further down, and name it by the path that it has when installed. */
function withPrivateFolders(folder) {
  const below = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  const places = below.map(({ name }) => join(folder, name))
  return [folder, ...places.filter((place) => readdirSync(place).some((name) => /^lib.*\.so/.test(name)))]
}
