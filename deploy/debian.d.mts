export function hasApt(): boolean
export class PackageLists {
  constructor(folder: string)
  fetch(): Promise<void>
  apt(cwd: string, ...words: string[]): Promise<string>
  remove(): void
}
export function unpackDebian(
  folder: string,
  names: string[],
  usable: (root: string) => unknown,
  shared?: PackageLists,
): Promise<boolean>
