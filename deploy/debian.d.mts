export function hasApt(): boolean
export function unpackDebian(folder: string, names: string[], usable: (root: string) => unknown): Promise<boolean>
