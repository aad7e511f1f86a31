export function libraryPath(root: string): string
