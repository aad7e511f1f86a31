export function packagesInstalled(root: string): boolean
export function installPackages(root: string, more?: readonly string[]): Promise<void>
export function linkNode(root: string): void
